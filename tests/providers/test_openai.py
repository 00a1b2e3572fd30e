"""The real openai SDK over real sockets: what leaves, what is made of what comes, what fails."""

import asyncio
import socket
import time
import traceback
from dataclasses import replace

import pytest

from evalkit.errors import AuthFailed, BadRequest, ConfigError, ProviderError, ProviderTimeout
from evalkit.providers.openai import OpenAIModel
from evalkit.providers.protocol import Limits, is_remote
from evalkit.records import ModelRequest, Usage
from tests.servers.faults import status
from tests.servers.openai_server import OpenAIServer

REQUEST = ModelRequest(prompt="Which whales eat krill?", system="Be brief.", max_output_tokens=9)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
KEY = "sk-planted-0123456789"


@pytest.fixture(autouse=True)
def a_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def complete(made, request=REQUEST):
    async def once():
        try:
            return await made.complete(request)
        finally:
            await made.close()

    return asyncio.run(once())


def asked(reply=lambda body: "Baleen whales.", request=REQUEST, server=None, **options):
    """A completion, and the request that led to it."""
    with OpenAIServer(reply, **(server or {})) as local:
        options = {"model": "m", "base_url": local.base_url} | options
        return complete(OpenAIModel(**options), request), local.requests[0]


def test_one_call_is_one_request_in_the_protocol():
    started = time.perf_counter()
    found, seen = asked()
    passed_s = time.perf_counter() - started
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("AsyncOpenAI/Python")
    assert seen.body == {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which whales eat krill?"},
        ],
    }
    assert (found.text, found.model, found.stop_reason) == ("Baleen whales.", "openai/m", "stop")
    # (23 + 9) // 4 + 1 tokens asked, 14 // 4 + 1 said
    assert found.usage == Usage(input_tokens=9, output_tokens=4)
    assert found.usage_known
    assert found.cost.usd == 0
    assert 0 < found.latency_s <= passed_s


@pytest.mark.parametrize("stream", [False, True])
def test_a_stream_gives_the_same_completion(stream):
    said = {"content": "Baleen whales eat krill.", "reasoning_content": "First, whales."}
    found, seen = asked(lambda body: said, server={"cached": 5}, stream=stream)
    assert found.text == "Baleen whales eat krill."
    assert found.usage == Usage(input_tokens=9, cached_input_tokens=5, output_tokens=7)
    assert seen.body.get("stream", False) is stream
    assert ("stream_options" in seen.body) is stream


def test_options_are_sent_where_they_are_given():
    sampling = {"temperature": 0.0, "top_p": 0.9, "seed": 7}
    _, seen = asked(
        **sampling, reasoning_effort="low", service_tier="flex", extra_body={"min_p": 0.1}
    )
    expected = sampling | {"reasoning_effort": "low", "service_tier": "flex", "min_p": 0.1}
    assert {key: seen.body[key] for key in expected} == expected


def test_a_schema_is_sent_as_a_strict_response_format():
    found, seen = asked(lambda body: '{"a": "b"}', replace(REQUEST, schema=SCHEMA))
    schema = {"name": "reply", "strict": True, "schema": SCHEMA}
    assert seen.body["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert found.text == '{"a": "b"}'


def test_openai_itself_is_told_of_completion_tokens():
    """What reasoning models take; other servers know the older name alone."""
    assert OpenAIModel(model="m")._limit_field == "max_completion_tokens"
    assert (
        OpenAIModel(model="m", base_url="https://nim.example.org/v1")._limit_field == "max_tokens"
    )
    _, seen = asked(output_limit="max_completion_tokens")
    assert seen.body["max_completion_tokens"] == 9
    assert "max_tokens" not in seen.body


def test_headers_come_from_the_profile_and_the_environment(monkeypatch):
    monkeypatch.setenv("HELICONE_KEY", "Bearer gateway-key")
    _, seen = asked(headers={"Helicone-Auth": "env:HELICONE_KEY", "X-Team": "evals"})
    assert seen.headers["helicone-auth"] == "Bearer gateway-key"
    assert seen.headers["x-team"] == "evals"
    assert seen.headers["authorization"] == f"Bearer {KEY}"


def test_a_header_of_the_profile_replaces_the_key():
    _, seen = asked(api_key_env="", headers={"authorization": "Bearer other"})
    assert seen.headers["authorization"] == "Bearer other"


def test_a_local_server_is_sent_no_key():
    _, seen = asked(api_key_env="")
    assert "authorization" not in seen.headers


def test_the_environment_tells_a_server_nothing_else(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-x")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    _, seen = asked()
    assert not any("x" in seen.headers.get(f"openai-{n}", "") for n in ("organization", "project"))
    _, seen = asked(organization="env:OPENAI_ORG_ID")
    assert seen.headers["openai-organization"] == "org-x"


def test_a_missing_key_is_the_users_to_set(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    made = OpenAIModel(model="m", base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"model openai/m: .*OPENAI_API_KEY"):
        complete(made)
    with pytest.raises(ConfigError, match=r"header X needs .*NOT_SET"):
        complete(OpenAIModel(model="m", api_key_env="", headers={"X": "env:NOT_SET"}))


def test_no_error_shows_the_key():
    def repeating(served):
        said = {"error": {"message": f"no {KEY} and no Bearer other-secret"}}
        return replace(status(400)(served).saying(said))

    with OpenAIServer(faults=[repeating]) as local, pytest.raises(BadRequest) as caught:
        complete(OpenAIModel(model="m", base_url=local.base_url))
    assert str(caught.value) == "HTTP status 400: no … and no …"
    shown = "".join(traceback.format_exception(caught.value))
    assert "other-secret" not in shown, "the SDK's own words must not stand behind ours"


def test_an_object_shows_no_key():
    assert KEY not in repr(OpenAIModel(model="m"))


def test_a_redirect_is_not_followed():
    with OpenAIServer() as elsewhere:
        moved = status(307, location=f"{elsewhere.base_url}/chat/completions")
        with OpenAIServer(faults=[moved]) as local, pytest.raises(BadRequest, match="307"):
            complete(OpenAIModel(model="m", base_url=local.base_url))
        assert elsewhere.requests == []


def test_nobody_listening_is_a_provider_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ProviderError, match="no connection") as caught:
        complete(OpenAIModel(model="m", base_url=f"http://127.0.0.1:{port}/v1"))
    assert type(caught.value) is ProviderError


def test_a_connection_that_is_never_taken_is_a_timeout():
    """With its queue full, a listener that accepts nobody leaves further connections waiting."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        made = OpenAIModel(model="m", base_url=f"http://127.0.0.1:{address[1]}/v1", timeout_s=0.3)
        started = time.perf_counter()
        with pytest.raises(ProviderTimeout):
            complete(made)
        assert time.perf_counter() - started < 60, "the system itself gives up after minutes"
        for one in waiting:
            one.close()


def test_half_a_character_in_a_prompt_is_a_bad_request():
    with pytest.raises(BadRequest, match="half a character"):
        asked(request=ModelRequest(prompt="half: \ud83d"))


def test_the_fingerprint_covers_what_shapes_a_reply():
    made = OpenAIModel(model="m")
    changed = [
        replace(made, **change)
        for change in (
            {"model": "n"}, {"base_url": "https://example.org"}, {"temperature": 0.0},
            {"top_p": 0.5}, {"seed": 1}, {"reasoning_effort": "low"}, {"structured": "none"},
            {"extra_body": {"a": 1}}, {"headers": {"X-Variant": "b"}}, {"opened_reasoning": True},
        )
    ]  # fmt: skip
    assert len({one.fingerprint for one in [made, *changed]}) == 1 + len(changed)


def test_the_fingerprint_covers_nothing_else():
    made = OpenAIModel(model="m", headers={"A": "1", "B": "2"})
    for change in (
        {"stream": True}, {"timeout_s": 5.0}, {"limits": Limits(start=1)}, {"api_key_env": "OTHER"},
        {"headers": {"B": "2", "a": "1"}},
    ):  # fmt: skip
        assert replace(made, **change).fingerprint == made.fingerprint


def test_models_of_one_host_are_limited_apart():
    one, other = (OpenAIModel(model=name) for name in ("m", "n"))
    assert one.endpoint == "api.openai.com m"
    assert one.endpoint != other.endpoint
    assert is_remote(one)


@pytest.mark.parametrize(
    "options",
    [
        {"model": ""}, {"model": "a\nb"}, {"base_url": "ftp://x"}, {"timeout_s": 0},
        {"headers": {"a": 1}}, {"temperature": float("nan")}, {"extra_body": {"messages": []}},
        {"extra_body": {"model": "n"}}, {"extra_body": {"stream": True}},
        {"extra_body": {"when": {1, 2}}}, {"extra_body": {"seed": 1}, "seed": 2},
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match=r"must|cannot|JSON"):
        OpenAIModel(**({"model": "m"} | options))


def test_a_wrong_key_is_not_your_regression():
    with OpenAIServer(faults=[status(401)]) as local, pytest.raises(AuthFailed, match="401"):
        complete(OpenAIModel(model="m", base_url=local.base_url))
