"""A failure says who must act, how long to wait, and nothing that must not be seen."""

import asyncio

import pytest

from evalkit.errors import (
    AuthFailed,
    BadReply,
    BadRequest,
    ConnectionLost,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)
from evalkit.providers import failures
from evalkit.providers.anthropic import AnthropicModel
from evalkit.providers.openai import OpenAIModel
from evalkit.records import ModelRequest
from tests.servers.anthropic_server import AnthropicServer
from tests.servers.faults import from_now, instead, status
from tests.servers.openai_server import OpenAIServer


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "3600"}, 3600),
        ({"retry-after": "3601"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 99 Nov 2026 00:00:00 GMT"}, None),
        ({"retry-after": from_now(-10)}, 0),
        ({"retry-after": from_now(7200)}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9),
    ],
)
def test_a_wait_is_read_where_it_can_be_meant(headers, wait_s):
    assert failures.retry_after_s(headers) == wait_s


def test_a_wait_may_be_a_date():
    assert failures.retry_after_s({"retry-after": from_now(60)}) == pytest.approx(60, abs=3)


def test_words_are_one_short_line():
    assert failures.shown("a\x1b[31m\n\tb\u202e  c") == "a [31m b c"
    assert len(failures.shown("word " * 100)) == failures.SHOWN_CHARACTERS


@pytest.mark.parametrize(
    "words",
    [
        "wrong key planted-secret-0123",
        "Incorrect API key provided: sk-abcdef123456",
        "bad header Bearer abc.def-ghi_123",
        "key nvapi-0123456789abcdef",
    ],
)
def test_no_key_is_shown(words):
    said = failures.shown(words, ["planted-secret-0123"])
    assert "…" in said
    assert not any(key in said for key in ("0123", "abcdef", "abc.def"))


def test_ordinary_words_stay():
    words = "maximum context length is 8192 tokens; task-specific keys are fine"
    assert failures.shown(words) == words


@pytest.mark.parametrize("status", [401, 403])
def test_who_refuses_a_key_is_not_quoted(status):
    error = failures.of_status(status, {}, {"error": {"message": "your key is hunter2hunter2"}})
    assert str(error) == f"HTTP status {status}"
    assert type(error) is AuthFailed


def test_a_message_stands_behind_its_status():
    body = {"error": {"message": "too long", "type": "invalid_request_error"}}
    assert str(failures.of_status(400, {}, body)) == "HTTP status 400: too long"
    assert str(failures.of_status(400, {}, {"error": "too long"})) == "HTTP status 400: too long"
    for nothing in ("<html>", None, {"error": 3}, {"error": {"message": 3}}, []):
        assert str(failures.of_status(502, {}, nothing)) == "HTTP status 502"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "rate_limit_exceeded", RateLimited),
        (429, "insufficient_quota", AuthFailed),
        (400, "billing_hard_limit_reached", AuthFailed),
        (400, None, BadRequest),
        (308, None, BadRequest),
        (418, None, BadRequest),
        (409, None, ProviderError),
        (501, None, ProviderError),
        (529, None, ProviderError),
        (408, None, ProviderTimeout),
        (504, None, ProviderTimeout),
    ],
)
def test_a_status_and_its_code_say_who_must_act(status, code, kind):
    assert type(failures.of_status(status, {}, {"error": {"code": code}})) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error"}}, ProviderError),
        ({"type": "error", "error": {"type": "timeout_error"}}, ProviderTimeout),
        ({"error": {"type": "requests", "code": "rate_limit_exceeded"}}, RateLimited),
        ({"code": 429, "message": "busy"}, RateLimited),
        ({"type": "BadRequestError", "code": 400}, BadRequest),
        ({"type": "insufficient_quota"}, AuthFailed),
        ("words", ProviderError),
        ([1], ProviderError),
    ],
)
def test_an_error_in_a_stream_says_it_by_words(body, kind):
    assert type(failures.of_body(body)) is kind


def test_the_innermost_cause_decides_about_a_connection():
    """httpx2's name for a broken connection is a timeout; aiohttp's, underneath, is right."""
    broken = RuntimeError("Request timed out.")
    broken.__cause__ = ConnectionResetError()
    found = failures.typed(broken, secrets=())
    assert type(found) is ConnectionLost
    assert "ConnectionResetError" in str(found)
    late = RuntimeError("Connection error.")
    late.__cause__ = TimeoutError()
    assert type(failures.typed(late, secrets=())) is ProviderTimeout


def test_an_error_of_ours_comes_through_what_wraps_it():
    wrapped = RuntimeError("Connection error.")
    wrapped.__cause__ = ours = RateLimited("slow down", retry_after_s=3)
    assert failures.typed(wrapped, secrets=()) is ours


@pytest.mark.parametrize(
    ("server_of", "model_of"), [(OpenAIServer, OpenAIModel), (AnthropicServer, AnthropicModel)]
)
def test_a_retry_is_not_told_the_failure_before_it(server_of, model_of):
    """Inside `except`, Python links every new exception to the one that is being handled."""

    async def retried(server):
        made = model_of(model="m", base_url=server.base_url, api_key_env="", stream=True)
        try:
            await made.complete(ModelRequest(prompt="p"))
        except RateLimited:
            await made.complete(ModelRequest(prompt="p"))
        finally:
            await made.close()

    faults = [status(429, retry_after="5"), instead(b"not JSON")]
    with server_of(faults=faults) as server, pytest.raises(ProviderError) as caught:
        asyncio.run(retried(server))
    assert type(caught.value) is BadReply
