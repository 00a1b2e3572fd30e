"""Once around every call: where a reply comes from, what it cost, and who is told."""

import asyncio
import dataclasses

import pytest

from evalkit.calls.cache import ReplyCache
from evalkit.calls.caller import Calls
from evalkit.calls.ledger import Ledger
from evalkit.calls.recording import Recorder, Replay
from evalkit.errors import (
    AuthFailed,
    BadReply,
    BadRequest,
    BudgetExceeded,
    EvalkitError,
    NotRecorded,
    ProviderTimeout,
    RateLimited,
)
from evalkit.pricing import worst_case
from evalkit.providers.protocol import Limits, is_remote
from evalkit.records import Cost, ModelRequest, Spend, Usage
from evalkit.scope import opened
from tests.calls.stand_ins import (
    PRICE,
    USAGE,
    USD,
    ScriptedRemote,
    completion,
    jumping,
    now,
    virtual,
)

REQUEST = ModelRequest(prompt="question", max_output_tokens=50)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "replies.sqlite"


def asking(remote, *requests, price=PRICE, at_once=False, **parts):
    """(replies and errors, spends) of requests, each in a scope of its own."""

    async def main():
        cache = parts.pop("path", None)
        calls = Calls(cache=None if cache is None else ReplyCache(cache), retry=virtual(), **parts)
        model = calls.around(remote, price=price)

        async def ask(request):
            with opened("case", 0, "answer") as here:
                try:
                    return await model.complete(request), here.spend
                except EvalkitError as error:
                    return error, here.spend

        if at_once:
            results = await asyncio.gather(*map(ask, requests))
        else:
            results = [await ask(request) for request in requests]
        await calls.close()
        return [list(column) for column in zip(*results, strict=True)]

    return jumping(main)


def spend(**fields):
    return Spend(case_id="case", repeat=0, part="answer", **fields)


BOUGHT = spend(calls=1, usage=USAGE, billed=Cost(usd=USD), cold=Cost(usd=USD))
FOUND = spend(calls=1, cached_calls=1, usage=USAGE, cold=Cost(usd=USD))


# ── a reply and its price ────────────────────────────────────────────────────────────────────────


def test_a_reply_comes_back_with_its_price():
    [reply], [took] = asking(ScriptedRemote(), REQUEST)
    assert reply == completion("to question", cost=Cost(usd=USD))
    assert took == BOUGHT


def test_without_a_price_the_model_prices_itself():
    own = completion(cost=Cost(usd=0.5))
    [reply], [took] = asking(ScriptedRemote(steps=[own]), REQUEST, price=None)
    assert reply == own
    assert (took.billed, took.cold) == (Cost(usd=0.5), Cost(usd=0.5))


def test_the_latency_is_that_of_the_attempt_that_succeeded():
    remote = ScriptedRemote(
        steps=[RateLimited("x", retry_after_s=20.0), completion(latency_s=0.125)]
    )
    [reply], [took] = asking(remote, REQUEST)
    assert reply.latency_s == 0.125
    assert (took.retries, took.calls) == (1, 1)
    assert took.waited_s >= 20.0


def test_a_reply_of_unknown_usage_is_billed_at_the_worst_there_is(tmp_path):
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=1.0)
    unknown = completion(usage=Usage(), usage_known=False)
    [reply], [took] = asking(ScriptedRemote(steps=[unknown]), REQUEST, ledger=ledger)
    worst = worst_case(8 + 512, 50, PRICE)  # "question" is 8 bytes, at most 8 tokens
    assert reply.cost.usd == pytest.approx(worst)
    assert took.billed.usd == took.cold.usd == pytest.approx(worst)
    assert ledger.spent_usd == pytest.approx(worst)
    ledger.close()


def test_a_failed_attempt_that_was_charged_is_on_the_bill_but_not_in_the_cold_price():
    error = BadReply("x")
    error.usage = USAGE
    _, [took] = asking(ScriptedRemote(steps=[error]), REQUEST)
    assert took.billed.usd == pytest.approx(2 * USD)
    assert took.cold.usd == pytest.approx(USD)


@pytest.mark.parametrize("cached", [True, False])
def test_a_call_that_fails_is_no_call_but_its_attempts_count(path, cached):
    parts = {"path": path} if cached else {}
    errors = [RateLimited(str(i)) for i in range(5)]
    [result], [took] = asking(ScriptedRemote(steps=[*errors]), REQUEST, **parts)
    assert result is errors[-1]
    assert (took.calls, took.retries) == (0, 5)
    assert took.waited_s > 0


def test_around_a_model_it_looks_like_one_of_this_process():
    """Otherwise somebody would put all this around it a second time."""
    remote = ScriptedRemote(name="n", fingerprint="f")
    model = Calls().around(remote, price=None)
    assert (model.name, model.fingerprint) == ("n", "f")
    assert is_remote(remote)
    assert not is_remote(model)


# ── the cache ────────────────────────────────────────────────────────────────────────────────────


def test_the_second_time_nothing_is_asked_and_the_cold_price_is_the_same(path):
    first, again = ScriptedRemote(), ScriptedRemote()
    bought, [took] = asking(first, REQUEST, path=path)
    assert took == BOUGHT
    found, spends = asking(again, REQUEST, REQUEST, path=path)
    assert found == bought * 2
    assert spends == [FOUND] * 2
    assert again.asked == []


def test_what_is_found_is_priced_at_the_price_of_this_run(path):
    asking(ScriptedRemote(), REQUEST, path=path)
    dearer = dataclasses.replace(PRICE, input=2.0, output=20.0)
    [reply], [took] = asking(ScriptedRemote(), REQUEST, path=path, price=dearer)
    assert reply.cost.usd == took.cold.usd == pytest.approx(2 * USD)


def test_a_self_priced_reply_keeps_its_price_in_the_cache(path):
    own = completion(cost=Cost(usd=0.5))
    asking(ScriptedRemote(steps=[own]), REQUEST, path=path, price=None)
    [reply], [took] = asking(ScriptedRemote(), REQUEST, path=path, price=None)
    assert reply == own
    assert (took.billed.usd, took.cold.usd) == (0.0, 0.5)


@pytest.mark.parametrize("reason", ["length", "refusal"])
def test_truncated_replies_and_refusals_are_asked_for_again(path, reason):
    remote = ScriptedRemote(steps=[completion(stop_reason=reason), completion("whole")])
    replies, spends = asking(remote, REQUEST, REQUEST, REQUEST, path=path)
    assert [reply.stop_reason for reply in replies] == [reason, "stop", "stop"]
    assert [took.cached_calls for took in spends] == [0, 0, 1]


@pytest.mark.parametrize("error", [BadRequest("x"), AuthFailed("x")])
def test_errors_are_not_kept(path, error):
    remote = ScriptedRemote(steps=[error])
    results, _ = asking(remote, REQUEST, REQUEST, path=path)
    assert results[0] is error
    assert results[1].text == "to question"


def test_another_repeat_is_another_draw(path):
    remote = ScriptedRemote()

    async def main():
        calls = Calls(cache=ReplyCache(path), retry=virtual())
        model = calls.around(remote, price=PRICE)
        for repeat in (0, 1, 0, 1):
            with opened("case", repeat, "answer"):
                await model.complete(REQUEST)
        await calls.close()

    jumping(main)
    assert len(remote.asked) == 2


def test_another_model_has_replies_of_its_own(path):
    one, other = ScriptedRemote(), ScriptedRemote(fingerprint="remote-2")
    for remote in (one, other):
        asking(remote, REQUEST, path=path)
    assert (len(one.asked), len(other.asked)) == (1, 1)


def test_a_cached_refusal_that_was_slipped_in_is_not_believed(path):
    remote = ScriptedRemote()

    async def main():
        cache = ReplyCache(path)
        calls = Calls(cache=cache, retry=virtual())
        model = calls.around(remote, price=PRICE)
        await model.complete(REQUEST)
        [key] = cache._unsaved
        cache.put(key, completion("forged", stop_reason="refusal"))
        reply = await model.complete(REQUEST)
        await calls.close()
        return reply, cache.warnings

    reply, warnings = jumping(main)
    assert reply.text == "to question"
    assert len(warnings) == 1


# ── several at once ──────────────────────────────────────────────────────────────────────────────


def test_who_asks_the_same_at_the_same_time_shares_one_call(path):
    remote = ScriptedRemote(steps=[RateLimited("x")], takes_s=1.0)
    replies, spends = asking(remote, *[REQUEST] * 5, at_once=True, path=path)
    assert len(remote.asked) == 2  # one of them failed
    assert len(set(map(id, replies))) == 1
    assert [took.cached_calls for took in spends] == [0, 1, 1, 1, 1]
    assert [took.retries for took in spends] == [1, 0, 0, 0, 0]
    assert [took.billed.usd for took in spends] == [USD, 0, 0, 0, 0]
    assert [took.cold.usd for took in spends] == [USD] * 5


@pytest.mark.parametrize("cached", [True, False])
def test_what_two_parts_of_a_trial_ask_is_in_the_cold_price_once(path, cached):
    """The part that asked first has it, with a cache and from it; without one both are bought."""

    async def main():
        calls = Calls(cache=ReplyCache(path) if cached else None, retry=virtual())
        model = calls.around(ScriptedRemote(), price=PRICE)

        async def part(name):
            with opened("case", 0, name) as here:
                await model.complete(REQUEST)
            return here.spend

        found = []
        for _ in range(2):
            with opened("case", 0, ""):
                found.append(await asyncio.gather(part("relevancy"), part("abstention")))
        await calls.close()
        return found

    for first, second in jumping(main):
        assert (first.calls, first.shared_calls, first.cold.usd) == (1, 0, USD)
        shared = (second.shared_calls, second.cold.usd, second.usage)
        assert shared == ((1, 0.0, Usage()) if cached else (0, USD, USAGE))


def test_who_waits_for_another_process_pays_nothing_and_prices_for_himself(path):
    """Two plans over one file, as two processes have them, with prices of their own."""
    remote = ScriptedRemote(takes_s=1.0)
    dearer = dataclasses.replace(PRICE, input=2.0, output=20.0)

    async def main():
        plans = [Calls(cache=ReplyCache(path), retry=virtual()) for _ in range(2)]

        async def ask(calls, price):
            with opened("case", 0, "answer") as here:
                await calls.around(remote, price=price).complete(REQUEST)
                return here.spend

        spends = await asyncio.gather(ask(plans[0], PRICE), ask(plans[1], dearer))
        for calls in plans:
            await calls.close()
        return spends

    assert jumping(main) == [BOUGHT, dataclasses.replace(FOUND, cold=Cost(usd=2 * USD))]
    assert len(remote.asked) == 1


def test_without_a_cache_everybody_asks_for_himself():
    remote = ScriptedRemote(takes_s=1.0)
    _, spends = asking(remote, *[REQUEST] * 5, at_once=True)
    assert len(remote.asked) == 5
    assert spends == [BOUGHT] * 5


@pytest.mark.parametrize("cancelled", [0, 1])
def test_cancelling_one_who_waits_leaves_the_others_their_reply(path, cancelled):
    remote = ScriptedRemote(takes_s=10.0)

    async def main():
        calls = Calls(cache=ReplyCache(path), retry=virtual())
        model = calls.around(remote, price=PRICE)
        tasks = [asyncio.create_task(model.complete(REQUEST)) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[cancelled].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await calls.close()
        return results

    results = jumping(main)
    assert isinstance(results.pop(cancelled), asyncio.CancelledError)
    assert [reply.text for reply in results] == ["to question"] * 2
    assert len(remote.asked) == 1


def test_closing_ends_what_is_under_way_and_leaves_no_claim(path):
    remote = ScriptedRemote(takes_s=1000.0)

    async def main():
        calls = Calls(cache=ReplyCache(path), retry=virtual(attempt_timeout_s=2000.0))
        model = calls.around(remote, price=PRICE)
        task = asyncio.create_task(model.complete(REQUEST))
        await asyncio.sleep(1)
        await calls.close()
        await asyncio.wait([task])
        assert task.cancelled()

    jumping(main)
    assert remote.in_flight == 0
    remote.takes_s = 0.0
    [reply], _ = asking(remote, REQUEST, path=path)
    assert reply.text == "to question"


def test_models_of_one_endpoint_share_its_slots():
    one, other = (ScriptedRemote(takes_s=1.0, limits=Limits(start=3, max=3)) for _ in range(2))
    third = ScriptedRemote(takes_s=1.0, endpoint="elsewhere", limits=Limits(start=3, max=3))

    async def main():
        calls = Calls(retry=virtual())
        models = [calls.around(remote, price=PRICE) for remote in (one, other, third)]
        ends = []

        async def ask(model):
            await model.complete(REQUEST)
            ends.append(now())

        await asyncio.gather(*(ask(model) for model in models for _ in range(3)))
        assert sorted(ends) == [1.0] * 6 + [2.0] * 3
        assert sorted(calls.limiters) == ["elsewhere", "scripted"]
        await calls.close()

    jumping(main)


# ── replay, recording, budget, deadline ──────────────────────────────────────────────────────────


def test_what_is_recorded_is_replayed_without_a_call(tmp_path):
    folder = tmp_path / "recordings"
    refused = completion("no", stop_reason="refusal")
    record = Recorder(folder, environ={})
    live, _ = asking(ScriptedRemote(steps=[refused]), REQUEST, record=record)
    record.close()
    remote = ScriptedRemote()
    replayed, spends = asking(remote, REQUEST, replay=Replay(folder))
    assert replayed == live
    assert spends == [FOUND]
    assert remote.asked == []


def test_a_recording_is_whole_also_where_replies_were_cached(tmp_path, path):
    asking(ScriptedRemote(), REQUEST, path=path)
    record = Recorder(tmp_path / "recordings", environ={})
    asking(ScriptedRemote(), REQUEST, path=path, record=record)
    record.close()
    [reply], _ = asking(ScriptedRemote(), REQUEST, replay=Replay(tmp_path / "recordings"))
    assert reply.text == "to question"


def test_what_is_not_recorded_is_not_evaluated(tmp_path):
    record = Recorder(tmp_path, environ={})
    asking(ScriptedRemote(), REQUEST, record=record)
    record.close()
    remote = ScriptedRemote()
    changed = dataclasses.replace(REQUEST, prompt="another", prompt_ref="judge@2")
    [result], [took] = asking(remote, changed, replay=Replay(tmp_path))
    assert isinstance(result, NotRecorded)
    assert "judge@2" in str(result)
    assert (took.calls, remote.asked) == (0, [])


def test_a_budget_stops_the_run_before_the_call(tmp_path):
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=0.0005)
    remote = ScriptedRemote()
    [result], [took] = asking(remote, REQUEST, ledger=ledger)  # it may cost $0.001016
    assert isinstance(result, BudgetExceeded)
    assert (took.calls, took.billed.usd, remote.asked) == (0, 0.0, [])
    ledger.close()


def test_the_schema_counts_towards_what_is_reserved(tmp_path):
    """$0.0011 are enough for the prompt and 50 tokens, and not with 4,000 bytes of schema."""
    schema = {"type": "object", "description": "x" * 4000}
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=0.0011)
    asked = dataclasses.replace(REQUEST, schema=schema)
    results, _ = asking(ScriptedRemote(), asked, REQUEST, ledger=ledger)
    assert isinstance(results[0], BudgetExceeded)
    assert results[1].text == "to question"
    ledger.close()


def test_what_is_cached_needs_no_budget(tmp_path, path):
    asking(ScriptedRemote(), REQUEST, path=path)
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=0.0)
    [reply], _ = asking(ScriptedRemote(), REQUEST, path=path, ledger=ledger)
    assert reply.text == "to question"
    ledger.close()


def test_after_the_runs_deadline_nothing_is_sent_but_the_cache_still_answers(path):
    asking(ScriptedRemote(), REQUEST, path=path)
    remote = ScriptedRemote()
    other = dataclasses.replace(REQUEST, prompt="other")
    results, _ = asking(remote, REQUEST, other, path=path, deadline=0.0)
    assert results[0].text == "to question"
    assert isinstance(results[1], ProviderTimeout)
    assert remote.asked == []


def test_a_reply_with_a_secret_in_it_is_named_as_such(tmp_path):
    record = Recorder(tmp_path, environ={"MY_API_KEY": "hunter2-hunter2-hunter2"})
    leak = completion("the key is hunter2-hunter2-hunter2")
    asking(ScriptedRemote(steps=[leak]), REQUEST, record=record)
    record.close()
    [result], _ = asking(ScriptedRemote(), REQUEST, replay=Replay(tmp_path))
    assert isinstance(result, NotRecorded)
    assert "a secret" in str(result)


def test_outside_any_scope_a_call_is_on_nobodys_account():
    async def main():
        return await Calls(retry=virtual()).around(ScriptedRemote(), price=PRICE).complete(REQUEST)

    assert jumping(main).text == "to question"
