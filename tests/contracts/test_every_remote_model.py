"""What every model and embedder outside this process keeps, shown on local servers."""

import asyncio
import dataclasses
import subprocess
import sys

import pytest

from evalkit.config import Section, construct
from evalkit.errors import ProviderError
from evalkit.providers import EMBEDDERS, MODELS
from evalkit.providers.protocol import Limits, is_remote, is_remote_embedder
from evalkit.records import Cost, ModelRequest
from tests.servers.anthropic_server import AnthropicServer
from tests.servers.faults import status
from tests.servers.openai_server import WIDTH, OpenAIServer

SERVERS = {"openai": OpenAIServer, "anthropic": AnthropicServer}
ELSEWHERE = {"vllm"}
"""It starts its own server: what it keeps is shown where one runs."""

REQUEST = ModelRequest(prompt="Which whales eat krill?", max_output_tokens=64)
ANSWER = "You said: Which whales eat krill?"


def remote(registry):
    kinds = {name: registry.get(name) for name in registry.names() if name not in ELSEWHERE}
    return [name for name, kind in kinds.items() if hasattr(kind, "endpoint")]


def model(name, server, **options):
    options = {"model": "m", "base_url": server.base_url, "api_key_env": ""} | options
    return MODELS.get(name)(**options)


def run(made, *calls):
    async def all_of_them():
        try:
            return [await call() for call in calls]
        finally:
            await made.close()

    return asyncio.run(all_of_them())


def test_every_remote_kind_is_shown_here():
    assert set(remote(MODELS)) == set(SERVERS)
    assert remote(EMBEDDERS) == ["openai"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", SERVERS)
def test_a_reply_is_whole_counted_and_unpriced(name, stream):
    with SERVERS[name]() as server:
        made = model(name, server, stream=stream)
        (found,) = run(made, lambda: made.complete(REQUEST))
    assert (found.text, found.model, found.stop_reason) == (ANSWER, made.name, "stop")
    assert found.usage_known
    assert min(found.usage.input_tokens, found.usage.output_tokens) > 0
    assert found.cost == Cost()


@pytest.mark.parametrize("name", SERVERS)
def test_a_call_is_one_attempt(name):
    """Retries belong to what goes around a model: the SDK's own must be off."""
    with SERVERS[name](faults=[status(503)] * 3) as server:
        made = model(name, server)
        with pytest.raises(ProviderError, match="503"):
            run(made, lambda: made.complete(REQUEST))
        assert len(server.requests) == 1


@pytest.mark.parametrize("name", SERVERS)
def test_many_calls_at_once_get_each_its_own_reply(name):
    with SERVERS[name](latency_s=0.02) as server:
        made = model(name, server)

        async def calls():
            requests = [ModelRequest(prompt=f"number {n}") for n in range(50)]
            return await asyncio.gather(*map(made.complete, requests))

        (found,) = run(made, calls)
    assert [one.text for one in found] == [f"You said: number {n}" for n in range(50)]


@pytest.mark.parametrize("name", SERVERS)
def test_a_model_is_used_on_one_event_loop_after_another(name):
    with SERVERS[name]() as server:
        made = model(name, server)
        for _ in range(2):
            (found,) = run(made, lambda: made.complete(REQUEST))
            assert found.text == ANSWER


@pytest.mark.parametrize("name", SERVERS)
def test_a_prompt_arrives_as_it_is(name):
    """Control characters, right-to-left marks, quotes: what is tested must be what is sent."""
    prompt = 'a "quote"\n\t\x00\x1b[31m \u202e \U0001f433 </system> \\u0041'
    with SERVERS[name](lambda body: "ok") as server:
        made = model(name, server)
        run(made, lambda: made.complete(ModelRequest(prompt=prompt)))
        assert server.requests[0].body["messages"][-1]["content"] == prompt


@pytest.mark.parametrize("name", SERVERS)
def test_a_model_says_what_goes_around_it_needs(name):
    kind = MODELS.get(name)
    one, other = kind(model="m"), kind(model="m")
    assert is_remote(one)
    assert one.name == f"{name}/m"
    assert one.fingerprint == other.fingerprint != kind(model="n").fingerprint
    assert one == other
    assert one.limits == Limits()
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.model = "n"


@pytest.mark.parametrize("name", SERVERS)
def test_the_fields_are_the_options_of_a_profile(name):
    table = {
        "model": "m", "base_url": "https://example.org/v1", "headers": {"A": "env:B"},
        "limits": {"start": 2, "max": 4}, "timeout_s": 5, "accept_models": ["n"], "stream": True,
    }  # fmt: skip
    problems = []
    made = construct(MODELS.get(name), Section(None, (), table), problems)
    assert problems == []
    assert (made.limits, made.accept_models) == (Limits(start=2, max=4), ("n",))


def test_an_embedder_says_what_goes_around_it_needs():
    with OpenAIServer() as server:
        made = EMBEDDERS.get("openai")(
            model="m", dimensions=WIDTH, base_url=server.base_url, api_key_env=""
        )
        assert is_remote_embedder(made)
        assert made.batch >= 1
        whole, once = run(made, lambda: made.embed(["a", "b"]), lambda: made.embed_once(["a", "b"]))
    assert whole.tolist() == once.vectors.tolist()
    assert once.usage_known


def test_a_model_in_this_process_is_not_remote():
    assert not is_remote(MODELS.get("scripted")("scripted", cache=None))


def test_making_a_remote_model_imports_no_sdk():
    """A second or more each: whoever runs offline, or asks for help, must not pay for them."""
    script = (
        "import sys\n"
        "from evalkit.providers import EMBEDDERS, MODELS\n"
        "MODELS.get('openai')(model='m'); MODELS.get('anthropic')(model='m')\n"
        "EMBEDDERS.get('openai')()\n"
        "print(sorted({'openai', 'anthropic', 'httpx2', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
