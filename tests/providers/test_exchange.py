"""What comes back from an SDK comes back as it was sent, whichever SDK it is."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.errors import BadReply, ProviderError, RateLimited
from evalkit.providers import exchange
from evalkit.providers.openai import open_openai
from tests.servers.local_server import LocalServer, Served, as_json


class Heard:
    def __init__(self) -> None:
        self.events: list[object] = []

    def add(self, event: object) -> None:
        self.events.append(event)


def exchanged(served, *, streams=False):
    """What `posted` gives, or the events that `streamed` hands on."""

    async def main(url):
        opened = open_openai(
            where="test", base_url=url, api_key_env="", headers={}, organization="", timeout_s=5.0
        )
        try:
            if not streams:
                return await exchange.posted(opened, "/things", {"a": 1})
            heard = Heard()
            await exchange.streamed(opened, "/things", {"a": 1}, heard)
            return heard.events
        finally:
            await opened.sdk.close()

    with LocalServer(lambda seen: served) as server:
        found = asyncio.run(main(f"{server.base_url}/v1"))
        assert (server.requests[0].path, server.requests[0].body["a"]) == ("/v1/things", 1)
        return found


def test_an_object_comes_back_whole():
    assert exchanged(as_json({"b": [1, 2]})) == {"b": [1, 2]}


@pytest.mark.parametrize(
    ("served", "error"),
    [
        (Served(body=b'{"b": 1, "b": 2}'), BadReply),
        (Served(body=b"[1]"), BadReply),
        (as_json({"error": {"message": "slow down"}}, status=429), RateLimited),
        (as_json({"error": {"message": "down"}}, status=500), ProviderError),
    ],
)
def test_what_is_no_object_or_no_success_has_a_type(served, error):
    with pytest.raises(error):
        exchanged(served)


def test_events_are_handed_on_in_order():
    body = b'data: {"n": 1}\n\ndata: {"n": 2}\n\ndata: [DONE]\n\n'
    streamed = Served(body=body, content_type="text/event-stream", pieces=3)
    assert exchanged(streamed, streams=True) == [{"n": 1}, {"n": 2}]
