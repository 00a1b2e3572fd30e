"""One client a model and event loop; keys from the environment; replies of bounded size."""

import asyncio
import gc
import ssl

import pytest

from evalkit.errors import ConfigError
from evalkit.providers.connections import (
    Connections,
    Opened,
    _tls,
    check_address,
    check_headers,
    check_timeout,
    installed,
    is_loopback,
)
from evalkit.providers.openai import OpenAIModel
from evalkit.records import ModelRequest
from tests.servers.openai_server import OpenAIServer

REQUEST = ModelRequest(prompt="Which whales eat krill?")


class Client:
    closed = False

    async def close(self):
        self.closed = True


def test_a_client_is_opened_once_a_loop_and_closed_by_its_own():
    connections, opened = Connections(), []

    def opening():
        opened.append(Opened(package=None, sdk=Client(), options={}, secrets=()))
        return opened[-1]

    async def use():
        assert connections.get(opening) is connections.get(opening)

    async def use_and_close():
        await use()
        await connections.close()
        await connections.close()

    asyncio.run(use())
    asyncio.run(use_and_close())
    assert [one.sdk.closed for one in opened] == [False, True]
    gc.collect()
    assert len(connections._open) == 0, "a loop that is gone leaves no client behind"


def test_calls_share_connections():
    with OpenAIServer() as server:
        made = OpenAIModel(model="m", base_url=server.base_url, api_key_env="")

        async def calls():
            for _ in range(3):
                await asyncio.gather(*(made.complete(REQUEST) for _ in range(4)))
            await made.close()

        asyncio.run(calls())
        assert len(server.requests) == 12
        assert server.connections <= 4


def test_a_closed_model_can_be_called_again():
    with OpenAIServer() as server:
        made = OpenAIModel(model="m", base_url=server.base_url, api_key_env="")

        async def call():
            await made.complete(REQUEST)
            await made.close()

        asyncio.run(call())
        asyncio.run(call())
        assert server.connections == 2


def test_a_cancelled_call_leaves_the_client_usable():
    """A slow drip is not silence: only the caller's own bound on the whole ends it."""
    with OpenAIServer() as server:
        from dataclasses import replace

        server.spoil(lambda served: replace(served, pieces=100, piece_delay_s=0.1))
        made = OpenAIModel(model="m", base_url=server.base_url, api_key_env="")

        async def calls():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await made.complete(REQUEST)
            found = await made.complete(REQUEST)
            await made.close()
            return found

        assert asyncio.run(calls()).text.startswith("You said")


def test_a_missing_package_is_the_users_to_install():
    with pytest.raises(ConfigError, match=r"model x.*evalkit-gate\[no_such_sdk\]"):
        installed("no_such_sdk", where="model x")


@pytest.mark.parametrize("url", ["http://127.0.0.1:80/v1", "http://localhost", "http://[::1]:9"])
def test_this_machine_is_known(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://127.0.0.1.example.org", "http://10.0.0.1"]
)
def test_another_machine_is_not_this_one(url):
    assert not is_loopback(url)


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with OpenAIServer() as server:
        made = OpenAIModel(model="m", base_url=server.base_url, api_key_env="")

        async def call():
            found = await made.complete(REQUEST)
            await made.close()
            return found

        assert asyncio.run(call()).text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host",
        "host/v1",
        "http://",
        "http://a:b@host",
        "http://host/?key=1",
        "http://h/#x",
    ],
)
def test_an_address_that_cannot_be_is_refused(url):
    with pytest.raises(ValueError, match="base_url must"):
        check_address(url)


@pytest.mark.parametrize(
    "headers", [{"a": 1}, {"a": "b\r\nc: d"}, {"a\n": "b"}, {"ä": "b"}, {"a": "ä"}]
)
def test_a_header_that_cannot_be_is_refused(headers):
    with pytest.raises(ValueError, match="must be text"):
        check_headers(headers)


@pytest.mark.parametrize("timeout_s", [0, -1, 3601, float("nan")])
def test_a_timeout_that_cannot_be_is_refused(timeout_s):
    with pytest.raises(ValueError, match="timeout_s"):
        check_timeout(timeout_s)


@pytest.mark.parametrize("value", ["two\nlines", "käy"])
def test_a_key_that_no_header_can_hold_is_the_users_to_mend(monkeypatch, value):
    monkeypatch.setenv("A_KEY", value)

    async def call():
        await OpenAIModel(model="m", api_key_env="A_KEY").complete(REQUEST)

    with pytest.raises(ConfigError, match="one line, and A_KEY is not") as caught:
        asyncio.run(call())
    assert value not in str(caught.value)


def test_only_https_reads_the_authorities():
    """Scheme in any case; what stands in for them on http still trusts nobody."""
    assert _tls("https://api.example/v1") is True
    assert _tls("HTTPS://api.example/v1") is True
    context = _tls("http://127.0.0.1:8000/v1")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs() == []
