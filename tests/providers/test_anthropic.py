"""The real anthropic SDK over real sockets: what leaves, and what is made of what comes."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from evalkit.errors import BadRequest, ConfigError
from evalkit.providers.anthropic import AnthropicModel
from evalkit.records import ModelRequest, Usage
from tests.servers.anthropic_server import AnthropicServer
from tests.servers.faults import status

REQUEST = ModelRequest(prompt="Which whales eat krill?", system="Be brief.", max_output_tokens=9)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
KEY = "sk-ant-planted-0123456789"


@pytest.fixture(autouse=True)
def a_key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def complete(made, request=REQUEST):
    async def once():
        try:
            return await made.complete(request)
        finally:
            await made.close()

    return asyncio.run(once())


def asked(reply=lambda body: "Baleen whales.", request=REQUEST, server=None, **options):
    """A completion, and the request that led to it."""
    with AnthropicServer(reply, **(server or {})) as local:
        options = {"model": "claude-opus-5", "base_url": local.base_url} | options
        return complete(AnthropicModel(**options), request), local.requests[0]


def test_one_call_is_one_request_in_the_protocol():
    started = time.perf_counter()
    found, seen = asked()
    passed_s = time.perf_counter() - started
    assert (seen.method, seen.path) == ("POST", "/v1/messages")
    assert KEY in (seen.headers.get("x-api-key", "") + seen.headers.get("authorization", ""))
    assert seen.headers["anthropic-version"]
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("AsyncAnthropic/Python")
    assert "NOT_GIVEN" not in seen.headers.values()
    assert seen.body == {
        "model": "claude-opus-5",
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Which whales eat krill?"}],
    }
    assert (found.text, found.stop_reason) == ("Baleen whales.", "stop")
    assert found.model == "anthropic/claude-opus-5"
    assert found.usage_known
    assert 0 < found.latency_s <= passed_s


@pytest.mark.parametrize("stream", [False, True])
def test_the_cache_is_counted_and_thinking_dropped_streamed_or_not(stream):
    """23 characters are 6 tokens by the server's count; 100 read and 20 written come on top."""
    said = [
        {"type": "thinking", "thinking": "First, whales.", "signature": "x"},
        {"type": "text", "text": "Baleen whales eat krill."},
    ]
    counts = {"read": 100, "written": 20}
    found, seen = asked(lambda body: said, server=counts, stream=stream)
    assert found.text == "Baleen whales eat krill."
    assert found.usage == Usage(
        input_tokens=126, cached_input_tokens=100, cache_write_tokens=20,
        output_tokens=len(json.dumps(said)) // 4 + 1,
    )  # fmt: skip
    assert seen.body.get("stream", False) is stream


@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_is_asked_for_by_the_format_of_the_output(stream):
    request = replace(REQUEST, schema=SCHEMA)
    found, seen = asked(lambda body: '{"a": "b"}', request, stream=stream, effort="low")
    form = {"type": "json_schema", "schema": SCHEMA}
    assert seen.body["output_config"] == {"effort": "low", "format": form}
    assert found.text == '{"a": "b"}'


@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_may_be_asked_for_by_a_forced_tool(stream):
    def called(body):
        name = body["tool_choice"]["name"]
        return [{"type": "tool_use", "id": "t", "name": name, "input": {"a": "b"}}]

    request = replace(REQUEST, schema=SCHEMA)
    found, _ = asked(called, request, stream=stream, structured="tool")
    assert (json.loads(found.text), found.stop_reason) == ({"a": "b"}, "stop")


def test_options_are_sent_where_they_are_given():
    _, seen = asked(thinking="adaptive", service_tier="auto", extra_body={"inference_geo": "eu"})
    assert seen.body["thinking"] == {"type": "adaptive"}
    assert seen.body["service_tier"] == "auto"
    assert seen.body["inference_geo"] == "eu"
    assert "temperature" not in seen.body


@pytest.mark.parametrize(
    "model",
    [
        "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5",
        "claude-opus-5-5", "claude-haiku-5-5", "claude-fable-5", "claude-mythos-5-1",
        "claude-mythos-preview", "claude-next-6",
    ],
)  # fmt: skip
def test_temperature_is_refused_for_models_that_refuse_it(model):
    with pytest.raises(ValueError, match="refuses temperature"):
        AnthropicModel(model=model, temperature=0.0)


@pytest.mark.parametrize(
    "model",
    [
        "claude-3-5-haiku-20241022", "claude-haiku-4-5", "claude-sonnet-4-5-20250929",
        "claude-opus-4-6", "claude-opus-4-20250514", "a-gateway/model",
    ],
)  # fmt: skip
def test_temperature_is_sent_where_it_is_taken_with_a_version_that_knows_it(model):
    _, seen = asked(model=model, temperature=0.0)
    assert seen.body["temperature"] == 0.0
    assert seen.headers["anthropic-version"] == "2023-06-01"


def test_the_version_of_the_api_can_be_said():
    _, seen = asked(api_version="2023-06-01")
    assert seen.headers["anthropic-version"] == "2023-06-01"


def test_a_gateway_is_sent_its_own_headers_and_no_key(monkeypatch):
    monkeypatch.setenv("GATEWAY", "Bearer gateway-key")
    _, seen = asked(api_key_env="", headers={"Helicone-Auth": "env:GATEWAY"})
    assert seen.headers["helicone-auth"] == "Bearer gateway-key"
    assert not {"authorization", "x-api-key"} & seen.headers.keys()


def test_a_missing_key_is_the_users_to_set(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ConfigError, match=r"model anthropic/claude-opus-5: .*ANTHROPIC_API_KEY"):
        complete(AnthropicModel(model="claude-opus-5"))


def test_no_error_shows_the_key():
    def repeating(served):
        return status(400)(served).saying({"error": {"message": f"bad x-api-key {KEY}"}})

    with AnthropicServer(faults=[repeating]) as local, pytest.raises(BadRequest) as caught:
        complete(AnthropicModel(model="claude-opus-5", base_url=local.base_url))
    assert KEY not in str(caught.value)
    assert KEY not in repr(AnthropicModel(model="claude-opus-5"))


def test_the_fingerprint_covers_what_shapes_a_reply_and_nothing_else():
    made = AnthropicModel(model="claude-haiku-4-5")
    shaping = (
        {"model": "claude-opus-5"}, {"base_url": "https://example.org"}, {"temperature": 0.0},
        {"thinking": "disabled"}, {"effort": "low"}, {"structured": "tool"},
        {"extra_body": {"a": 1}}, {"api_version": "2023-06-01"}, {"headers": {"X": "1"}},
    )  # fmt: skip
    changed = {replace(made, **change).fingerprint for change in shaping}
    assert len(changed - {made.fingerprint}) == len(shaping)
    for change in ({"stream": True}, {"timeout_s": 5.0}, {"cache_prompt": True}):
        assert replace(made, **change).fingerprint == made.fingerprint


@pytest.mark.parametrize(
    "options",
    [
        {"model": " "}, {"base_url": "nowhere"}, {"timeout_s": -1}, {"headers": {"a": 1}},
        {"extra_body": {"output_config": {}}}, {"extra_body": {"tools": []}},
        {"extra_body": {"stream": True}},
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        AnthropicModel(**({"model": "claude-opus-5"} | options))
