"""An HTTP server on the loopback, in a thread, that can also misbehave as networks do."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came. Header names are in lower case; `body` is parsed JSON, or None."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    connection: int
    """Which connection it came on, counted from 1."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A response. `body` is the payload; the rest is how it is sent.

    `delay_s` passes before the first byte, `piece_delay_s` before each of the pieces that `pieces`
    cuts the body into. `cut` ends the connection after so many bytes of the body: with a reset, or
    quietly where `reset` is false. `raw` is sent instead of everything.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    pieces: int = 1
    piece_delay_s: float = 0.0
    cut: int | None = None
    reset: bool = True
    raw: bytes | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def saying(self, value: Any) -> Served:
        """The same response with another JSON body."""
        return dataclasses.replace(self, body=json.dumps(value).encode())

    def head(self) -> bytes:
        lines = {
            "content-type": self.content_type,
            "content-length": str(len(self.body)),
            **{name.lower(): value for name, value in self.headers.items()},
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} Status\r\n{text}\r\n".encode("latin-1")


def as_json(value: Any, **how: Any) -> Served:
    return Served(body=json.dumps(value).encode(), **how)


Answer = Callable[[Seen], Served]
Spoiling = Callable[[Served], Served]


class LocalServer:
    """Answers every request with `answer`; the first ones spoilt by `faults`, one a request.

        with LocalServer(answer) as server:
            … server.base_url … server.requests …

    `latency_s` passes before each response.
    """

    def __init__(
        self, answer: Answer, *, faults: Iterable[Spoiling] = (), latency_s: float = 0.0
    ) -> None:
        self._answer = answer
        self._faults = list(faults)
        self._latency_s = latency_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="local-server")
        self._ready = threading.Event()
        self._open: set[asyncio.Task[None]] = set()
        self.requests: list[Seen] = []
        self.connections = 0
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spoil(self, *faults: Spoiling) -> None:
        """Further faults, for the requests to come."""
        self._faults.extend(faults)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _stop(self) -> None:
        for task in self._open:
            task.cancel()
        self._server.close()
        self._stopping.set_result(None)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stopping = self._loop.create_future()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        number = self.connections
        try:
            while (seen := await _request(reader, number)) is not None:
                self.requests.append(seen)
                await asyncio.sleep(self._latency_s)
                served = self._answer(seen)
                if self._faults:
                    served = self._faults.pop(0)(served)
                if not await _respond(writer, served):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()


async def _request(reader: asyncio.StreamReader, connection: int) -> Seen | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    data = await reader.readexactly(int(headers.get("content-length", 0)))
    body = json.loads(data) if data else None
    return Seen(method=method, path=path, headers=headers, body=body, connection=connection)


async def _respond(writer: asyncio.StreamWriter, served: Served) -> bool:
    """Send it; whether the connection can be used again."""
    await asyncio.sleep(served.delay_s)
    if served.raw is not None:
        writer.write(served.raw)
        await writer.drain()
        return False
    if served.cut is not None:
        if served.cut >= 0:
            writer.write(served.head() + served.body[: served.cut])
            await writer.drain()
            await asyncio.sleep(0.02)  # so that what was sent arrives before the end does
        if served.reset:
            _reset(writer)
        return False
    writer.write(served.head())
    size = -(-len(served.body) // served.pieces) or 1
    for start in range(0, len(served.body), size):
        await asyncio.sleep(served.piece_delay_s)
        writer.write(served.body[start : start + size])
        await writer.drain()
    return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST, as a crashed host or an impatient proxy does."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
