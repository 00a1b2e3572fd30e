"""How a provider is reached: its address, the headers, and one open SDK client an event loop."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import os
import ssl
import weakref
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from evalkit.errors import BadReply, ConfigError, Problem

MAX_REPLY_BYTES = 8_000_000
MAX_STREAM_BYTES = 64_000_000
"""A streamed reply wraps every few characters in some hundred bytes."""

CONNECT_TIMEOUT_S = 10.0
FROM_ENVIRONMENT = "env:"
PLATFORM = tuple(
    f"X-Stainless-{name}"
    for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version")
)
"""What the SDKs would tell every address of this machine, at a twentieth of a call's CPU time."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An SDK's client and package, what every request adds, and what no message may show."""

    sdk: Any
    package: ModuleType
    options: Mapping[str, Any]
    secrets: tuple[str, ...]

    def url(self, path: str) -> str:
        """The whole address of a path: the SDK would put it together anew for each request."""
        return f"{str(self.sdk.base_url).rstrip('/')}{path}"


class Connections:
    """The open clients of one model object, one an event loop; each holds a pool of connections.

    A client belongs to the loop that it was first used on: on another one its connections hang.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Opened] = (
            weakref.WeakKeyDictionary()
        )

    def get(self, opening: Callable[[], Opened]) -> Opened:
        """The client of the running loop, opened by its first call."""
        loop = asyncio.get_running_loop()
        found = self._open.get(loop)
        if found is None:
            found = self._open[loop] = opening()
        return found

    async def close(self) -> None:
        """Close the client of the running loop, where there is one."""
        found = self._open.pop(asyncio.get_running_loop(), None)
        if found is not None:
            await found.sdk.close()


# ── opening ──────────────────────────────────────────────────────────────────────────────────────


def open_client(
    sdk: ModuleType,
    client: Callable[..., Any],
    *,
    where: str,
    base_url: str,
    api_key_env: str,
    headers: Mapping[str, str],
    timeout_s: float,
    unsent: Sequence[str] = (),
) -> Opened:
    """A client of an SDK (`openai`, `anthropic`) that makes one attempt a call over aiohttp.

    `unsent` are headers of the SDK's own that go out only where `headers` has them.
    Redirects are not followed: they would carry prompts to an address nobody wrote down. Raises
    `ConfigError` for an environment variable that is not set.
    """
    given = {name: _resolved(value, f"header {name}", where) for name, value in headers.items()}
    key = _resolved(f"{FROM_ENVIRONMENT}{api_key_env}", "the key", where) if api_key_env else ""
    timeout = sdk.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S), pool=None)
    authorized = bool(key) or any(name.lower() == "authorization" for name in given)
    unsigned = {"Authorization": sdk.Omit()}  # or the SDK would refuse to send without a key
    return Opened(
        package=sdk,
        sdk=client(
            api_key=key or "unused",
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            # Compressed, a reply's size is known only when it is too late.
            default_headers={
                "Accept-Encoding": "identity",
                **{name: sdk.Omit() for name in (*unsent, *PLATFORM)},
                **given,
            },
            http_client=sdk.DefaultAioHttpClient(
                timeout=timeout,
                verify=_tls(base_url),
                follow_redirects=False,
                trust_env=not is_loopback(base_url),  # a proxy cannot see this machine's servers
                event_hooks={"response": [_bounded]},
            ),
        ),
        options={"timeout": timeout, **({} if authorized else {"headers": unsigned})},
        secrets=tuple(secret for secret in (key, *given.values()) if len(secret) >= 8),
    )


def _tls(base_url: str) -> ssl.SSLContext | bool:
    """For http, a context that trusts nobody: reading the authorities takes 20 ms a client."""
    return urlsplit(base_url).scheme == "https" or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _resolved(value: str, what: str, where: str) -> str:
    """The value, or that of the environment variable it names. Raises `ConfigError`."""
    if not value.startswith(FROM_ENVIRONMENT):
        return value
    variable = value.removeprefix(FROM_ENVIRONMENT)
    found = os.environ.get(variable, "").strip()
    if not found:
        needs = f"{what} needs the environment variable {variable}"
        raise ConfigError([Problem(where=where, what=needs)])
    if not (found.isascii() and found.isprintable()):
        needs = f"{what} must be ASCII text on one line, and {variable} is not"
        raise ConfigError([Problem(where=where, what=needs)])
    return found


def installed(name: str, *, where: str) -> ModuleType:
    """The SDK of that name. Raises `ConfigError` with the command that installs it."""
    import importlib  # noqa: PLC0415 - an SDK takes a second to import: only when it is used

    try:
        return importlib.import_module(name)
    except ImportError as error:
        what = f"needs the package {name}: pip install 'evalkit-gate[{name}]'"
        raise ConfigError([Problem(where=where, what=what)]) from error


# ── what a profile may say ───────────────────────────────────────────────────────────────────────


def check_address(base_url: str) -> None:
    """Raise `ValueError` unless it is an http(s) address without user, password and query."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"base_url must be an http or https address, got {base_url!r}")
    if parts.username or parts.password:
        raise ValueError("base_url must not hold a user or password; use headers with env:NAME")
    if parts.query or parts.fragment:
        raise ValueError("base_url must end with its path; a query or a fragment is never sent")


def check_headers(headers: Mapping[str, Any]) -> None:
    """Raise `ValueError` unless names and values are ASCII text on one line."""
    for name, value in headers.items():
        if not isinstance(value, str):
            # Not a TypeError: what config reports with its line is a ValueError.
            raise ValueError(f"header {name} must be text")  # noqa: TRY004 - as above
        if not (f"{name}{value}".isascii() and f"{name}{value}".isprintable()):
            raise ValueError(f"header {name!r} must be text on one line, in ASCII")


def check_timeout(timeout_s: float) -> None:
    """Raise `ValueError` unless it is within an hour."""
    if not 0 < timeout_s <= 3600:
        raise ValueError(f"timeout_s must be within (0, 3600], got {timeout_s}")


def is_loopback(base_url: str) -> bool:
    """Whether the address is this machine's own."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# ── size ─────────────────────────────────────────────────────────────────────────────────────────


async def _bounded(response: Any) -> None:
    """Refuse what is compressed, and stop reading what is too large; errors have bodies, too."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise BadReply("the reply is compressed, which was not asked for")
    streamed = response.headers.get("content-type", "").startswith("text/event-stream")
    limit = MAX_STREAM_BYTES if streamed else MAX_REPLY_BYTES
    response.stream = _counting()(response.stream, limit)


@functools.cache
def _counting() -> type:
    """A byte stream that ends with a `BadReply` when it passes its limit."""
    import httpx2  # noqa: PLC0415 - comes with the SDKs, which are optional

    class Counting(httpx2.AsyncByteStream):
        def __init__(self, stream: Any, limit: int) -> None:
            self._stream = stream
            self._limit = limit

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = self._limit
            async for piece in self._stream:
                left -= len(piece)
                if left < 0:
                    raise BadReply(f"the reply is larger than {self._limit} bytes")
                yield piece

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Counting
