"""Every fault leads to its own typed error, or to a completion that shows what is wrong with it."""

import asyncio
import time

import pytest

from evalkit.errors import ProviderError, ProviderTimeout
from evalkit.providers.anthropic import AnthropicModel
from evalkit.providers.openai import OpenAIModel
from evalkit.records import ModelRequest
from tests.servers.anthropic_server import AnthropicServer
from tests.servers.faults import FAULTS, READ_TIMEOUT_S, STREAM_FAULTS
from tests.servers.openai_server import OpenAIServer

APIS = {"openai": (OpenAIServer, OpenAIModel), "anthropic": (AnthropicServer, AnthropicModel)}
REQUEST = ModelRequest(prompt="Which whales eat krill?", max_output_tokens=64)
ANSWER = "You said: Which whales eat krill?"


def cases(faults):
    return [
        pytest.param(api, fault, id=f"{api}: {fault}") for fault in faults for api in fault.apis
    ]


def after(api, fault, **options):
    """What the first request comes to, and what the second, which is served well."""
    server_of, model_of = APIS[api]

    async def both(made):
        try:
            first = await made.complete(REQUEST)
        except ProviderError as error:
            first = error
        try:
            return first, await patiently(made)
        finally:
            await made.close()

    async def patiently(made):
        while True:
            try:
                return await made.complete(REQUEST)
            except ProviderTimeout:
                if not fault.hangs:  # what follows a silence has as little time as the silence
                    raise

    with server_of(faults=[fault.spoil]) as server:
        timeout_s = READ_TIMEOUT_S if fault.hangs else 60.0  # however busy the machine is
        options = {"timeout_s": timeout_s, "api_key_env": "A_KEY"} | options
        made = model_of(model="served", base_url=server.base_url, **options)
        outcome = asyncio.run(both(made))
        assert fault.hangs or len(server.requests) == 2, "an attempt is one request"
        return outcome


def check(api, fault, **options):
    started = time.monotonic()
    first, second = after(api, fault, **options)
    passed_s = time.monotonic() - started
    assert (second.text, second.usage_known) == (ANSWER, True), "the client is still of use"
    if fault.error is None:
        assert first.text == ANSWER
        assert fault.shows(first)
        return
    assert type(first) is fault.error, repr(first)
    if fault.wait_s is None:
        assert first.retry_after_s is None
    else:
        # Dates are whole seconds, and time passes.
        least_s = fault.wait_s - (passed_s + 1 if "date" in fault.name else 0)
        assert least_s <= first.retry_after_s <= fault.wait_s
    assert "planted-secret" not in str(first)
    assert len(str(first)) < 300


@pytest.fixture(autouse=True)
def a_key(monkeypatch):
    monkeypatch.setenv("A_KEY", "planted-secret-0123456789")


@pytest.mark.parametrize(("api", "fault"), cases(FAULTS))
def test_a_fault_is_a_typed_error_or_shows_in_the_completion(api, fault):
    check(api, fault)


@pytest.mark.parametrize(("api", "fault"), cases(STREAM_FAULTS))
def test_so_is_a_fault_of_a_stream(api, fault):
    check(api, fault, stream=True)


def test_the_table_is_long_enough_and_its_names_are_unique():
    for faults in (FAULTS, STREAM_FAULTS):
        assert len({fault.name for fault in faults}) == len(faults)
    assert len(FAULTS) >= 25
