"""An endpoint is a target; its errors are the provider's, and none of them quotes a reply."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from evalkit.errors import (
    AuthFailed,
    BadRequest,
    ConfigError,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)
from evalkit.records import Document
from evalkit.targets.http import HttpTarget

REPLY = {
    "data": {
        "choices": [{"text": "Krill."}],
        "sources": [{"meta": {"id": "w"}, "body": "They eat."}],
    },
    "tokens": {"in": 9, "out": 2},
}
OPTIONS = {
    "answer_path": "data.choices[0].text",
    "passages_path": "data.sources",
    "passage_fields": {"document_id": "meta.id", "text": "body"},
    "usage": {"input_tokens": "tokens.in", "output_tokens": "tokens.out"},
}


def served(handler, use, **options):
    """What `use(target)` gives while `handler` answers on the loopback."""

    async def run():
        app = web.Application()
        app.router.add_post("/ask", handler)
        app.router.add_post("/ingest", handler)
        async with TestServer(app) as server:
            made = HttpTarget(
                url=str(server.make_url("/ask")),
                **({"ingest_url": str(server.make_url("/ingest"))} | options),
            )
            return await use(made)

    return asyncio.run(run())


def asking(made):
    return made.answer('What "exactly"?')


def test_the_question_goes_in_and_the_paths_come_out(monkeypatch):
    seen = []

    async def handler(request):
        seen.append((await request.json(), request.headers["Authorization"]))
        return web.json_response(REPLY)

    monkeypatch.setenv("SERVICE_KEY", "Bearer k")
    answer = served(
        handler, asking, body={"messages": [{"content": "Q: {question}"}], "n": 1},
        headers={"Authorization": "env:SERVICE_KEY"}, **OPTIONS,
    )  # fmt: skip
    assert seen == [({"messages": [{"content": 'Q: What "exactly"?'}], "n": 1}, "Bearer k")]
    assert (answer.text, answer.usage.input_tokens) == ("Krill.", 9)
    assert [(p.document_id, p.text) for p in answer.passages] == [("w", "They eat.")]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, RateLimited), (401, AuthFailed), (403, AuthFailed), (422, BadRequest),
        (307, BadRequest), (504, ProviderTimeout), (500, ProviderError),
    ],
)  # fmt: skip
def test_a_status_is_an_error_of_its_kind(status, error):
    async def handler(request):
        return web.Response(status=status, text="secret", headers={"Location": "/ingest"})

    with pytest.raises(error, match=f"HTTP status {status}") as caught:
        served(handler, asking)
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["not json", "{}", '{"answer": null}', "[]"])
def test_a_reply_that_does_not_fit_is_a_provider_error(text):
    async def handler(request):
        return web.Response(text=text)

    with pytest.raises(ProviderError, match=r"not JSON|does not fit"):
        served(handler, asking)


def test_a_slow_endpoint_is_a_timeout():
    async def handler(request):
        await asyncio.sleep(5)
        return web.json_response({"answer": "late"})

    with pytest.raises(ProviderTimeout):
        served(handler, asking, timeout_s=0.1)


def test_nobody_listening_is_a_provider_error():
    with pytest.raises(ProviderError, match="request failed"):
        asyncio.run(asking(HttpTarget(url="http://127.0.0.1:9/ask")))


def test_a_missing_key_is_the_users_to_mend(monkeypatch):
    monkeypatch.delenv("SERVICE_KEY", raising=False)
    with pytest.raises(ConfigError, match="SERVICE_KEY"):
        asyncio.run(asking(HttpTarget(url="http://127.0.0.1:9/", headers={"K": "env:SERVICE_KEY"})))


def test_documents_are_posted_or_refused():
    taken = []

    async def handler(request):
        taken.extend((await request.json())["documents"])
        return web.Response()

    planted = [Document(id="planted-1", text="x")]
    served(handler, lambda made: made.ingest(planted))
    assert taken == [{"id": "planted-1", "title": "", "text": "x"}]
    with pytest.raises(ConfigError, match="ingest_url"):
        served(handler, lambda made: made.ingest(planted), ingest_url="")


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://host/x"}, {"url": "file:///etc/passwd"}, {"url": "http://user:pw@host/"},
        {"url": ""}, {"timeout_s": 0}, {"body": {"q": "fixed"}}, {"answer_path": "a..b"},
        {"passage_fields": {"doc": "id"}}, {"usage": {"input_tokens": 3}}, {"headers": {"a": 1}},
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match=r"must|unknown key|no path"):
        HttpTarget(**({"url": "http://127.0.0.1/"} | options))
