"""One request through an SDK and what comes back, as it came: the same for every SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from evalkit.providers import failures, wire
from evalkit.providers.connections import Opened


class Gathering(Protocol):
    """What a streamed reply is put together by."""

    def add(self, event: Any, /) -> None:
        """The next piece. Raises a `ProviderError` for one that is none."""
        ...


async def posted(opened: Opened, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that a request comes back with. Raises a `ProviderError`."""
    import httpx2  # noqa: PLC0415 - comes with the SDKs, which are optional

    try:
        # The SDK's own way to a reply as it came: checked here, it need not become models first.
        response = await opened.sdk.post(
            opened.url(path), body=body, cast_to=httpx2.Response, options=opened.options
        )
    except failures.kinds(opened.package) as error:
        raise failures.typed(error, secrets=opened.secrets) from None
    return wire.parsed(response.content)


async def streamed(
    opened: Opened, path: str, body: Mapping[str, Any], gathering: Gathering
) -> None:
    """As `posted`, for a reply that comes in pieces."""
    package = opened.package
    try:
        stream = await opened.sdk.post(
            opened.url(path), body=body, cast_to=object, stream=True,
            stream_cls=package.AsyncStream[object], options=opened.options,
        )  # fmt: skip
        async with stream:
            async for event in stream:
                gathering.add(event)
    except failures.kinds(package) as error:
        raise failures.typed(error, secrets=opened.secrets) from None
