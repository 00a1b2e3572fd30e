"""A server over its whole life: started when first needed, once more if it dies, then given up."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Protocol

from evalkit.errors import ConfigError, Problem, ServerFailed
from evalkit.records import ServerRecord
from evalkit.serving import command, leftovers, preflight, readiness
from evalkit.serving.build import VllmBuild
from evalkit.serving.checkpoint import declared_quantization
from evalkit.serving.gauges import Gauges
from evalkit.serving.http import Address
from evalkit.serving.identity import Identity, identity
from evalkit.serving.options import FROM_CHECKPOINT, ServerOptions
from evalkit.serving.process import GRACE_S, LOG_LINES, ServerProcess

RESTARTS = 1
MEMORY_WAIT_S = 20.0
KEY_BYTES = 32
NONCE_BYTES = 8


class Serving(Protocol):
    """A server as its users see it, whoever started it."""

    @property
    def address(self) -> Address | None: ...

    @property
    def served_name(self) -> str: ...

    @property
    def identity(self) -> Identity: ...

    def readying(self) -> Future[None]:
        """Done when requests can be sent; holds the error where they never will."""
        ...

    def used(self) -> AbstractContextManager[None]:
        """One request in flight."""
        ...

    def record(self) -> ServerRecord: ...

    def stop(self) -> None: ...


class Server:
    """A managed server. Its methods may be called from any thread.

    The address, the key and the served name are drawn anew at every start. `ready` and the future
    of `readying` raise `ConfigError` for what the user must mend and `ServerFailed`, with the last
    lines of the log, for a start that failed or a death after the one restart; a server that failed
    stays failed. `draw_port` is there for tests.
    """

    def __init__(
        self,
        options: ServerOptions,
        build: VllmBuild,
        *,
        draw_port: Callable[[], socket.socket] | None = None,
    ) -> None:
        self.options = options
        self.build = build
        self.restarts = 0
        self.startup_s = 0.0
        self._draw_port = draw_port or held_port
        self._lock = threading.Lock()
        self._readying: Future[None] | None = None
        self._process: ServerProcess | None = None
        self._held: socket.socket | None = None
        self._address: Address | None = None
        self._nonce = ""
        self._stopping = threading.Event()
        self._gauges = Gauges(lambda: self._address)
        self._identity: Identity | None = None

    # ── what it is ───────────────────────────────────────────────────────────────────────────────

    @property
    def address(self) -> Address | None:
        """Where it answers now; None before the first start and after the last end."""
        return self._address

    @property
    def served_name(self) -> str:
        """The model's name in requests and replies."""
        return self._nonce

    @property
    def identity(self) -> Identity:
        """What it serves; takes as long as digesting the weights, once."""
        if self._identity is None:
            self._identity = identity(self.options, self.build)
        return self._identity

    @property
    def is_up(self) -> bool:
        """Whether it has become ready and its processes live."""
        future, process = self._readying, self._process
        return (
            future is not None
            and future.done()
            and future.exception() is None
            and process is not None
            and process.is_alive
        )

    @property
    def pid(self) -> int | None:
        """The pid of the warden, None while nothing runs."""
        return self._process.pid if self._process is not None else None

    def log(self) -> str:
        """The last lines of the log, at most 200."""
        return self._process.log() if self._process is not None else ""

    def used(self) -> AbstractContextManager[None]:
        """One request in flight: for as long, gauges are sampled."""
        return self._gauges.used()

    def record(self) -> ServerRecord:
        """What it has done so far."""
        return self._gauges.record(self.identity, startup_s=self.startup_s, restarts=self.restarts)

    # ── what happens to it ───────────────────────────────────────────────────────────────────────

    def ready(self) -> None:
        """Block until it is ready, starting it first where that is needed."""
        self.readying().result()

    def readying(self) -> Future[None]:
        """As `ready`, without blocking: the start has a thread of its own, one for all callers."""
        with self._lock:
            found = self._readying
            if found is None or (
                found.done() and found.exception() is None and not self._process_lives()
            ):
                self._readying = found = Future()
                if self._stopping.is_set():
                    found.set_exception(ServerFailed("the server was stopped"))
                    return found
                threading.Thread(
                    target=self._start_into, args=(found,), name="vllm-start", daemon=True
                ).start()
            return found

    def stop(self) -> None:
        """End it for good, in order and then by force; a second call does nothing."""
        self._stopping.set()
        self._gauges.end()
        with self._lock:
            future = self._readying
        process = self._process
        if process is not None:
            process.end()  # and with it every request that a start is waiting for
        if future is not None:
            with contextlib.suppress(TimeoutError):
                future.exception(timeout=GRACE_S)
        self._end_process()

    def _process_lives(self) -> bool:
        return self._process is not None and self._process.is_alive

    def _start_into(self, future: Future[None]) -> None:
        try:
            if self._process is not None:
                self._bury()
            self._start()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the future must see it
            self._end_process()
            future.set_exception(error)
        else:
            future.set_result(None)

    def _bury(self) -> None:
        """Clear away a server that died; raises `ServerFailed` if it was the second one."""
        process = self._process
        if process is None:
            return
        status = process.status
        self._end_process()
        if self.restarts >= RESTARTS:
            raise _failed(f"the server died again after a restart (status {status})", process)
        self.restarts += 1

    def _start(self) -> None:
        folder = leftovers.notes_folder()
        leftovers.sweep(folder)
        self._preflight()
        started = time.monotonic()
        self._held = self._draw_port()
        port = self._held.getsockname()[1]
        key, self._nonce = (
            secrets.token_urlsafe(KEY_BYTES),
            f"evalkit-{secrets.token_hex(NONCE_BYTES)}",
        )
        address = Address(root=f"http://{command.HOST}:{port}", key=key)
        self._process = process = ServerProcess(
            command.arguments(self.options, self.build, port=port, nonce=self._nonce),
            environment=command.environment(self.options, self.build, key=key, nonce=self._nonce),
            nonce=self._nonce,
            folder=folder,
            secrets=(key,),
        )
        waiting = readiness.Waiting(
            address,
            port=port,
            nonce=self._nonce,
            deadline=started + self.options.start_timeout_s,
        )
        try:
            waiting.run(self._still_on)
        except ServerFailed as error:
            process.end()  # first, so that its last words are in the log
            raise _failed(str(error), process) from error
        self._check_method()
        self._address = address
        self.startup_s += time.monotonic() - started
        self._gauges.start()

    def _preflight(self) -> None:
        """After a death the driver takes a while to free the GPU's memory."""
        deadline = time.monotonic() + (MEMORY_WAIT_S if self.restarts else 0.0)
        while True:
            try:
                return preflight.check(self.options, self.build)
            except ConfigError:
                if time.monotonic() >= deadline or self._stopping.is_set():
                    raise
            time.sleep(readiness.POLL_S)

    def _still_on(self) -> None:
        if self._stopping.is_set():
            raise ServerFailed("the server was stopped while it started")
        if not self._process_lives():
            status = self._process.status if self._process is not None else None
            raise ServerFailed(f"the server ended before it was ready (status {status})")

    def _check_method(self) -> None:
        """A hub's checkpoint can be looked at only once vLLM has fetched it."""
        asked, declared = self.options.quantization, declared_quantization(self.options)
        if declared is None or asked not in FROM_CHECKPOINT or asked == declared:
            return
        what = f"quantization = {asked!r}, but the checkpoint declares {declared or 'none'!r}"
        raise ConfigError([Problem(where=f"vllm model {self.options.model}", what=what)])

    def _end_process(self) -> None:
        process, self._process, self._address = self._process, None, None
        if process is not None:
            process.end()
        if self._held is not None:
            self._held.close()
            self._held = None


def held_port() -> socket.socket:
    """A socket bound to a free port of the loopback, and not listening.

    While it is held the system gives the port to nobody who does not ask for it by number; vLLM,
    which reuses addresses, may still bind it.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((command.HOST, 0))
    return held


def _failed(what: str, process: ServerProcess) -> ServerFailed:
    log = process.log()
    shown = f"its last lines (at most {LOG_LINES}):\n{log}" if log else "it wrote nothing"
    return ServerFailed(f"vLLM: {what}; {shown}")
