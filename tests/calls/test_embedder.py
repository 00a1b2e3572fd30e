"""Each text is embedded and paid for once, however many ask and in whatever company."""

import asyncio

import numpy as np
import pytest

from evalkit.calls.cache import ReplyCache
from evalkit.calls.caller import Calls
from evalkit.calls.embedder import MAX_BATCH_BYTES
from evalkit.calls.ledger import Ledger
from evalkit.calls.recording import Recorder, Replay
from evalkit.errors import (
    AuthFailed,
    BadReply,
    BudgetExceeded,
    EvalkitError,
    NotRecorded,
    RateLimited,
)
from evalkit.pricing import Price
from evalkit.providers.protocol import Embedding, is_remote_embedder
from evalkit.records import Completion, Usage
from evalkit.scope import opened
from tests.calls.stand_ins import ScriptedRemoteEmbedder, completion, jumping, virtual

PRICE = Price(input=1.0)
MICRO = 1e-6
"""The price of one token."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "replies.sqlite"


def embedding(remote, *asked, at_once=False, path=None, **parts):
    """(vectors or errors, spends) of lists of texts, each in a scope of its own."""

    async def main():
        calls = Calls(cache=None if path is None else ReplyCache(path), retry=virtual(), **parts)
        embedder = calls.around_embedder(remote, price=PRICE)

        async def ask(texts):
            with opened("case", 0, "answer") as here:
                try:
                    return await embedder.embed(texts), here.spend
                except EvalkitError as error:
                    return error, here.spend

        if at_once:
            results = await asyncio.gather(*map(ask, asked))
        else:
            results = [await ask(texts) for texts in asked]
        await calls.close()
        return [list(column) for column in zip(*results, strict=True)]

    return jumping(main)


def expected(remote, texts):
    return np.stack([remote.vector(text) for text in texts])


def test_texts_come_back_in_order_whatever_the_batches():
    remote = ScriptedRemoteEmbedder(batch=3)
    texts = ["d", "a", "c", "a", "b", "e", "d"]
    [vectors], [took] = embedding(remote, texts)
    assert np.array_equal(vectors, expected(remote, texts))
    assert vectors.dtype == np.float32
    assert sorted(map(sorted, remote.asked)) == [["a", "c", "d"], ["b", "e"]]
    assert (took.calls, took.cached_calls) == (2, 0)
    assert took.usage.input_tokens == 5
    assert took.billed.usd == pytest.approx(5 * MICRO)


def test_no_texts_are_no_call():
    remote = ScriptedRemoteEmbedder()
    [vectors], [took] = embedding(remote, [])
    assert vectors.shape == (0, 4)
    assert (took.calls, remote.asked) == (0, [])


def test_a_batch_is_bounded_in_bytes_and_a_long_text_travels_alone():
    remote = ScriptedRemoteEmbedder(batch=100)
    half, whole = "é" * (MAX_BATCH_BYTES // 4), "x" * (MAX_BATCH_BYTES + 1)
    embedding(remote, [half, half + "a", "short", whole, "last"])
    assert sum(map(len, remote.asked)) == 5
    assert (whole,) in remote.asked
    for batch in remote.asked:
        assert len(batch) == 1 or sum(len(t.encode()) for t in batch) <= MAX_BATCH_BYTES


def test_texts_already_cached_are_not_sent(path):
    one, other = ScriptedRemoteEmbedder(), ScriptedRemoteEmbedder()
    embedding(one, ["aa", "bbb"], path=path)
    results, spends = embedding(other, ["bbb", "cccc", "aa"], ["cccc"], path=path)
    assert other.asked == [("cccc",)]
    assert np.array_equal(results[0], expected(one, ["bbb", "cccc", "aa"]))
    assert [(s.calls, s.cached_calls) for s in spends] == [(1, 0), (1, 1)]
    assert [s.billed.usd for s in spends] == pytest.approx([4 * MICRO, 0.0])
    assert [s.cold.usd for s in spends] == pytest.approx([9 * MICRO, 4 * MICRO])


def test_who_wants_the_same_text_at_the_same_time_shares_the_request(path):
    remote = ScriptedRemoteEmbedder(takes_s=1.0)
    results, spends = embedding(remote, ["a", "b"], ["b", "c"], at_once=True, path=path)
    assert sorted(map(sorted, remote.asked)) == [["a", "b"], ["c"]]
    assert np.array_equal(results[1], expected(remote, ["b", "c"]))
    assert [(s.calls, s.cached_calls) for s in spends] == [(1, 0), (2, 1)]
    assert sum(s.billed.usd for s in spends) == pytest.approx(3 * MICRO)


def test_cancelling_one_leaves_the_other_its_vectors(path):
    remote = ScriptedRemoteEmbedder(takes_s=5.0)

    async def main():
        calls = Calls(cache=ReplyCache(path), retry=virtual())
        embedder = calls.around_embedder(remote, price=PRICE)
        tasks = [asyncio.create_task(embedder.embed(["a"])) for _ in range(2)]
        await asyncio.sleep(1)
        tasks[0].cancel()
        await asyncio.wait(tasks)
        await calls.close()
        assert tasks[0].cancelled()
        return tasks[1].result()

    assert np.array_equal(jumping(main), expected(remote, ["a"]))
    assert len(remote.asked) == 1


def test_a_failed_batch_is_tried_again_and_the_last_error_is_raised():
    remote = ScriptedRemoteEmbedder(steps=[RateLimited("x")])
    _, [took] = embedding(remote, ["a"])
    assert (took.calls, took.retries) == (1, 1)
    denied = AuthFailed("x")
    [result], [took] = embedding(ScriptedRemoteEmbedder(steps=[denied]), ["a"])
    assert result is denied
    assert (took.calls, took.retries) == (0, 1)


@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (2, 5), (2,)])
def test_vectors_of_another_shape_are_a_bad_reply(shape):
    odd = Embedding(vectors=np.ones(shape, np.float32), usage=Usage(), latency_s=0.1)
    [result], _ = embedding(ScriptedRemoteEmbedder(steps=[odd] * 5), ["a", "b"])
    assert isinstance(result, BadReply)


@pytest.mark.parametrize(
    "text",
    ["no base64", "AAAA", "", "AACAPwAAAAAAAAAA", "AACAPwAAgD8AAAAAAAAAAA==",
     "AADAfwAAAAAAAAAAAAAAAA=="],
    ids=["not base64", "not floats", "empty", "too short", "not of length 1", "NaN"],
)  # fmt: skip
def test_what_is_no_vector_is_asked_for_again(path, text):
    remote = ScriptedRemoteEmbedder()

    async def main():
        cache = ReplyCache(path)
        calls = Calls(cache=cache, retry=virtual())
        embedder = calls.around_embedder(remote, price=PRICE)
        await embedder.embed(["a"])
        [key] = cache._unsaved
        assert cache.get(Completion, key).usage == Usage(input_tokens=1)
        cache.put(key, completion(text))
        vectors = await embedder.embed(["a"])
        await calls.close()
        return vectors, cache.warnings

    vectors, warnings = jumping(main)
    assert np.array_equal(vectors, expected(remote, ["a"]))
    assert (len(remote.asked), len(warnings)) == (2, 1)


def test_the_budget_holds_for_embeddings_too(tmp_path):
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=100 * MICRO)
    remote = ScriptedRemoteEmbedder()
    [result], _ = embedding(remote, ["a"], ledger=ledger)  # 513 tokens at most
    assert isinstance(result, BudgetExceeded)
    assert remote.asked == []
    ledger.close()


def test_unknown_usage_is_billed_at_the_worst_there_is(tmp_path):
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=1.0)
    remote = ScriptedRemoteEmbedder()
    vectors = expected(remote, ["a"])
    remote.steps = [Embedding(vectors=vectors, usage=Usage(), latency_s=0.1, usage_known=False)]
    _, [took] = embedding(remote, ["a"], ledger=ledger)
    assert took.billed.usd == pytest.approx(513 * MICRO)
    assert ledger.spent_usd == pytest.approx(513 * MICRO)
    ledger.close()


def test_vectors_are_recorded_and_replayed(tmp_path):
    remote = ScriptedRemoteEmbedder()
    record = Recorder(tmp_path, environ={})
    [live], _ = embedding(remote, ["a", "b"], record=record)
    record.close()
    silent = ScriptedRemoteEmbedder()
    results, spends = embedding(silent, ["b", "a"], ["c"], replay=Replay(tmp_path))
    assert np.array_equal(results[0], live[::-1])
    assert (spends[0].calls, spends[0].cached_calls, spends[0].billed.usd) == (1, 1, 0.0)
    assert spends[0].cold.usd == pytest.approx(2 * MICRO)
    assert isinstance(results[1], NotRecorded)
    assert silent.asked == []


def test_a_recording_of_another_embedder_is_no_vector(tmp_path):
    """As where a model of the same name and fingerprint changed its dimensions."""
    record = Recorder(tmp_path, environ={})
    embedding(ScriptedRemoteEmbedder(), ["a"], record=record)
    record.close()
    [result], _ = embedding(ScriptedRemoteEmbedder(dimensions=5), ["a"], replay=Replay(tmp_path))
    assert isinstance(result, NotRecorded)
    assert "no vector" in str(result)


def test_around_an_embedder_it_looks_like_one_of_this_process():
    remote = ScriptedRemoteEmbedder(name="n", fingerprint="f", dimensions=7)
    made = Calls().around_embedder(remote, price=None)
    assert (made.name, made.fingerprint, made.dimensions) == ("n", "f", 7)
    assert is_remote_embedder(remote)
    assert not is_remote_embedder(made)
