"""The servers of this process: one for all who ask for the same options.

Users are counted; the server goes with its last one, and all go with the process. Records of what
they did stay. Under pytest-xdist each worker is a process: only one of them may start a server of
given options, or a GPU would have to hold the model once for each.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import threading
from pathlib import Path
from typing import IO

from evalkit.errors import ConfigError, Problem
from evalkit.records import ServerRecord
from evalkit.serving.build import VllmBuild, installed_build
from evalkit.serving.checkpoint import pinned
from evalkit.serving.leftovers import notes_folder
from evalkit.serving.options import ServerOptions
from evalkit.serving.server import Server

Key = tuple[ServerOptions, VllmBuild]


class Pool:
    """Servers by options, each with the number of those who use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[Key, tuple[Server, int]] = {}
        self._records: list[ServerRecord] = []
        self._locks: dict[Key, IO[str]] = {}
        self._owner = os.getpid()

    def take(self, options: ServerOptions) -> Server:
        """The server of these options, not yet started; give it back with `release`.

        Raises `ConfigError` where there is no vLLM, where the weights have no commit, and in an
        xdist worker where another worker has the server.
        """
        key = (pinned(options), installed_build())
        with self._lock:
            server, users = self._servers.get(key, (None, 0))
            if server is None:
                self._claim(key)
                server = Server(*key)
            self._servers[key] = (server, users + 1)
            return server

    def release(self, server: Server) -> None:
        """One user less; the last one stops it and leaves its record."""
        key = (server.options, server.build)
        with self._lock:
            found, users = self._servers.get(key, (None, 0))
            if found is not server:
                return
            if users > 1:
                self._servers[key] = (server, users - 1)
                return
            del self._servers[key]
        self._finish(server)

    def records(self) -> tuple[ServerRecord, ...]:
        """What every server has done that was ever started here, oldest first."""
        with self._lock:
            running = [server for server, _ in self._servers.values() if server.startup_s]
            return (*self._records, *(server.record() for server in running))

    def close(self) -> None:
        """Stop every server."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            servers = [server for server, _ in self._servers.values()]
            self._servers.clear()
        for server in servers:
            self._finish(server)

    def _finish(self, server: Server) -> None:
        started = server.startup_s > 0
        server.stop()
        with self._lock:
            if started:
                self._records.append(server.record())
            lock = self._locks.pop((server.options, server.build), None)
        if lock is not None:
            Path(lock.name).unlink(missing_ok=True)
            lock.close()

    def _claim(self, key: Key) -> None:
        """In an xdist worker, the right to start this server; it ends with this process."""
        if "PYTEST_XDIST_WORKER" not in os.environ:
            return
        import fcntl  # noqa: PLC0415 - not on Windows, where a server can only be attached

        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
        digest = hashlib.sha256(f"{run} {key!r}".encode()).hexdigest()[:32]
        lock = (notes_folder() / f"xdist-{digest}.lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            what = (
                "another xdist worker runs this server; start one yourself and attach to it with "
                "base_url, or run without -n"
            )
            raise ConfigError([Problem(where=f"vllm model {key[0].model}", what=what)]) from error
        self._locks[key] = lock


POOL = Pool()
atexit.register(POOL.close)
