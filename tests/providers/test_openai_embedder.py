"""Embeddings over real sockets: unit rows in the order asked, or a typed error."""

import asyncio
import base64
import struct

import numpy as np
import pytest

from evalkit.errors import BadReply, ConfigError, RateLimited
from evalkit.providers.openai_embedder import OpenAIEmbedder
from evalkit.providers.protocol import is_remote_embedder
from evalkit.records import Usage
from tests.servers.faults import reply, status
from tests.servers.local_server import LocalServer
from tests.servers.openai_server import WIDTH, OpenAIServer

TEXTS = ["Baleen whales eat krill.", "Rain fell on Paris.", "Rain fell on Paris."]


def embedded(texts=TEXTS, faults=(), *, whole=False, **options):
    """What the texts come to, and the server's requests."""
    with OpenAIServer(faults=faults) as server:
        options = {"base_url": server.base_url, "api_key_env": "", "dimensions": WIDTH} | options
        made = OpenAIEmbedder(**({"model": "m"} | options))

        async def once():
            try:
                return await (made.embed if whole else made.embed_once)(texts)
            finally:
                await made.close()

        return asyncio.run(once()), server.requests


def test_texts_become_unit_rows_in_their_order():
    found, (seen,) = embedded()
    assert (seen.path, seen.body["input"]) == ("/v1/embeddings", TEXTS)
    assert seen.body["encoding_format"] == "float"
    assert found.vectors.shape == (3, WIDTH)
    assert found.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(found.vectors[1], found.vectors[2])
    assert not np.array_equal(found.vectors[0], found.vectors[1])
    # 24 // 4 + 1 and twice 19 // 4 + 1
    assert (found.usage, found.usage_known) == (Usage(input_tokens=17), True)
    assert found.latency_s > 0


def test_rows_are_put_in_the_order_of_their_index():
    turned, _ = embedded(faults=[reply(lambda said: said["data"].reverse())])
    straight, _ = embedded()
    np.testing.assert_array_equal(turned.vectors, straight.vectors)


def test_base64_and_numbers_are_the_same_vector():
    def packed(said):
        for item in said["data"]:
            values = item["embedding"]
            item["embedding"] = base64.b64encode(struct.pack(f"<{WIDTH}f", *values)).decode()

    coded, _ = embedded(faults=[reply(packed)])
    plain, _ = embedded()
    np.testing.assert_array_equal(coded.vectors, plain.vectors)


def test_many_texts_are_sent_in_batches():
    found, seen = embedded(["a", "b", "c", "d", "e"], whole=True, batch=2)
    assert [one.body["input"] for one in seen] == [["a", "b"], ["c", "d"], ["e"]]
    assert found.shape == (5, WIDTH)


def test_no_texts_are_no_request():
    for whole in (False, True):
        found, seen = embedded([], whole=whole)
        assert (found if whole else found.vectors).shape == (0, WIDTH)
        assert seen == []


def test_a_blank_text_is_sent_as_a_space():
    _, (seen,) = embedded(["", "\n"])
    assert seen.body["input"] == [" ", " "]


def test_a_smaller_width_is_asked_for_and_a_natural_one_is_not():
    _, (seen,) = embedded(model="text-embedding-3-small", dimensions=4)
    assert seen.body["dimensions"] == 4
    _, (seen,) = embedded()
    assert "dimensions" not in seen.body
    assert OpenAIEmbedder().dimensions == 1536
    assert OpenAIEmbedder()._fixed == {
        "model": "text-embedding-3-small", "encoding_format": "base64",
    }  # fmt: skip


def item(said):
    return said["data"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["data"].pop(),
        lambda said: said["data"].append(said["data"][0]),
        lambda said: said.update(data=None),
        lambda said: said.update(model="other"),
        lambda said: item(said).update(index=1),
        lambda said: item(said).update(index=None),
        lambda said: item(said).update(index=False),
        lambda said: item(said).update(embedding=[0.0] * WIDTH),
        lambda said: item(said).update(embedding=[1.0] * (WIDTH - 1)),
        lambda said: item(said).update(embedding=[1e300] * WIDTH),
        lambda said: item(said).update(embedding=[10**400] * WIDTH),
        lambda said: item(said).update(embedding=["1"] * WIDTH),
        lambda said: item(said).update(embedding=[True] * WIDTH),
        lambda said: item(said).update(embedding=[[1.0]] * WIDTH),
        lambda said: item(said).update(embedding=None),
        lambda said: item(said).update(embedding=[]),
        lambda said: item(said).update(embedding="not base64"),
        lambda said: item(said).update(embedding="AAA="),
        lambda said: item(said).update(embedding=base64.b64encode(b"\xff" * 4 * WIDTH).decode()),
    ],
)
def test_what_is_no_vector_for_every_text_is_a_bad_reply(change):
    with pytest.raises(BadReply):
        embedded(faults=[reply(change)])


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1}, {"prompt_tokens": 10**9}])
def test_usage_that_cannot_be_is_billed_at_the_worst(usage):
    found, _ = embedded(faults=[reply(lambda said: said.update(usage=usage))])
    assert (found.usage, found.usage_known) == (Usage(input_tokens=17), False)


def test_errors_are_typed_as_a_models_are():
    with pytest.raises(RateLimited) as caught:
        embedded(faults=[status(429, retry_after="3")])
    assert caught.value.retry_after_s == 3


def test_a_missing_key_is_the_users_to_set(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"embedder openai/m: .*OPENAI_API_KEY"):
        embedded(api_key_env="OPENAI_API_KEY")


def test_the_fingerprint_covers_what_shapes_a_vector():
    kinds = [
        OpenAIEmbedder(),
        OpenAIEmbedder(dimensions=256),
        OpenAIEmbedder(model="text-embedding-3-large"),
        OpenAIEmbedder(base_url="https://example.org/v1"),
        OpenAIEmbedder(extra_body={"input_type": "query"}),
    ]
    assert len({one.fingerprint for one in kinds}) == len(kinds)
    assert OpenAIEmbedder(batch=2, timeout_s=1.0).fingerprint == kinds[0].fingerprint
    assert OpenAIEmbedder(dimensions=1536).fingerprint == kinds[0].fingerprint
    assert is_remote_embedder(kinds[0])


@pytest.mark.parametrize(
    "options",
    [
        {"model": "unknown"}, {"dimensions": -1}, {"dimensions": 1537}, {"batch": 0},
        {"batch": 5000}, {"base_url": "x"}, {"headers": {"a": 1}}, {"timeout_s": 0},
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        OpenAIEmbedder(**options)


def test_the_stand_in_server_is_a_local_one():
    assert issubclass(OpenAIServer, LocalServer)
