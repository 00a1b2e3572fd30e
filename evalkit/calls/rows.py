"""A SQLite file that several processes write to without ever making the event loop wait.

Writes are queued and committed together, on the loop's own thread: a commit takes tens of
microseconds, and a second thread would wait milliseconds for the interpreter under load. The file
is in WAL mode with `synchronous = NORMAL`: kill -9 loses what was still queued, a power failure the
last commits, neither damages the file. The one slow step, copying the log back into the file, is
left to a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import ConfigError, Problem

OPEN_WAIT_S = 10.0
COMMIT_WAIT_S = 0.005
"""How long a commit may hold up the loop for another process; after that it tries again later."""

WRITES_A_CHECKPOINT = 4000
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""SQLITE_ERROR among them: the statements are constants, so the tables are not what they were."""

Done = Callable[[int], None]


class Rows:
    """Tables of one file, for one event loop of this process at a time.

    A damaged file is renamed, told to `warn`, and begun anew. One that cannot be written any more
    is told to `warn` and left alone: reads then find nothing and writes count as done. One that was
    closed is opened again by the next read or write. Raises `ConfigError` where it cannot be opened
    at all.
    """

    def __init__(
        self, path: Path, *, tables: Sequence[str], version: int, warn: Callable[[str], None]
    ) -> None:
        self._path = path
        self._tables = tables
        self._version = version
        self._warn = warn
        self._db: sqlite3.Connection | None = None
        self._is_closed = False
        self._inode = 0
        self._queue: list[tuple[str, tuple[Any, ...], Done | None]] = []
        self._timer: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due_soon = False
        self._unchecked = 0
        self._checkpoint: threading.Thread | None = None
        try:
            self._open_or_replace()
        except (sqlite3.Error, OSError) as error:
            what = f"the cache cannot be opened: {error}. Delete it or name another folder."
            raise ConfigError([Problem(where=path.name, what=what)]) from error

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def select(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row there is; texts come as bytes. None also where the file cannot be read."""
        self._reopen()
        if self._db is None:
            return None
        try:
            row: tuple[Any, ...] | None = self._db.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            if not _is(error, _BUSY):
                self._mend(error)
            return None
        return row

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    def write(
        self, sql: str, values: tuple[Any, ...], *, done: Done | None = None, within_s: float = 0.02
    ) -> None:
        """Queue a statement; `done` is called with the number of rows it changed, once it has."""
        self._reopen()
        self._queue.append((sql, values, done))
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._loop is loop:
            if within_s > 0 or self._due_soon:
                return
            self._timer.cancel()
        self._loop, self._due_soon = loop, within_s == 0
        if self._due_soon:
            self._timer = loop.call_soon(self._flush)
        else:
            self._timer = loop.call_later(within_s, self._flush)

    async def written(self, sql: str, values: tuple[Any, ...]) -> int:
        """How many rows the statement changed, once it is committed with all queued before it."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def done(count: int) -> None:
            if not future.done():
                future.set_result(count)

        self.write(sql, values, done=done, within_s=0)
        return await future

    def _flush(self) -> None:
        self._timer = None
        if _running(self._checkpoint) or not self._commit():
            # Somebody else has the file; random, so that two who met do not meet again.
            pause_s = random.uniform(0.002, 0.02)
            self._due_soon = False
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._flush)
        elif self._unchecked >= WRITES_A_CHECKPOINT:
            self._unchecked = 0
            self._checkpoint = threading.Thread(target=_checkpoint, args=(self._path,))
            self._checkpoint.start()

    def _commit(self, *, mended: bool = False) -> bool:
        """Write what is queued; False where another process holds the file."""
        writes, self._queue = self._queue, []
        if self._db is None:
            counts = [1] * len(writes)
        else:
            try:
                counts = self._execute(self._db, writes)
            except sqlite3.Error as error:
                if _is(error, _BUSY):
                    self._queue = writes + self._queue
                    return False
                if self._mend(error) and not mended:
                    self._queue = writes + self._queue
                    return self._commit(mended=True)
                counts = [1] * len(writes)
        for (_, _, done), count in zip(writes, counts, strict=True):
            if done is not None:
                done(count)
        return True

    def _execute(
        self, db: sqlite3.Connection, writes: Sequence[tuple[str, tuple[Any, ...], Done | None]]
    ) -> list[int]:
        try:
            db.execute("BEGIN IMMEDIATE")
            counts = [db.execute(sql, values).rowcount for sql, values, _ in writes]
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
            raise
        self._unchecked += len(writes)
        return counts

    def execute_now(self, sql: str, values: tuple[Any, ...] = ()) -> int:
        """Run one statement at once, waiting for other processes; the number of rows it changed.

        Raises `sqlite3.Error`. For maintenance, not for calls.
        """
        if self._db is None:
            return 0
        self._db.execute(f"PRAGMA busy_timeout = {OPEN_WAIT_S * 1000:.0f}")
        try:
            return self._db.execute(sql, values).rowcount
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {COMMIT_WAIT_S * 1000:.0f}")

    def close(self) -> None:
        """Write what is queued, waiting for other processes if need be, and close the file."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._checkpoint is not None:
            self._checkpoint.join()
        if self._db is not None and self._queue:
            self._db.execute(f"PRAGMA busy_timeout = {OPEN_WAIT_S * 1000:.0f}")
            if not self._commit():
                self._warn(f"{len(self._queue)} writes were lost: another process held the file")
        if self._db is not None:
            self._db.close()
            self._db = None
            self._is_closed = True

    # ── opening and mending ──────────────────────────────────────────────────────────────────────

    def _reopen(self) -> None:
        """Open what was closed between two pieces of work; what cannot be is left alone."""
        if not self._is_closed:
            return
        self._is_closed = False
        try:
            self._open_or_replace()
        except (sqlite3.Error, OSError) as error:
            self._warn(f"{self._path.name} is not used any more: {error}")

    def _open_or_replace(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._inode = _inode(self._path)
        try:
            self._db = self._opened()
        except sqlite3.Error as error:
            if not _is(error, _DAMAGED):
                raise
            self._set_aside(error)
            self._db = self._opened()
        self._inode = _inode(self._path)

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path, timeout=OPEN_WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            db.text_factory = bytes
            _into_wal_mode(db)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA wal_autocheckpoint = 0")
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version not in (0, self._version):
                raise _strange(f"its version is {version}, not {self._version}")
            for table in self._tables:
                db.execute(table)
            db.execute(f"PRAGMA user_version = {self._version}")
            db.execute("COMMIT")
            db.execute(f"PRAGMA busy_timeout = {COMMIT_WAIT_S * 1000:.0f}")
        except BaseException:
            db.close()
            raise
        return db

    def _mend(self, error: sqlite3.Error) -> bool:
        """Begin a damaged file anew; False where nothing can be written any more."""
        if self._db is not None:
            self._db.close()
            self._db = None
        if _is(error, _DAMAGED):
            try:
                self._set_aside(error)
                self._db = self._opened()
                self._inode = _inode(self._path)
            except (sqlite3.Error, OSError) as again:
                error = again if isinstance(again, sqlite3.Error) else error
            else:
                return True
        self._warn(f"{self._path.name} is not used any more: {error}")
        return False

    def _set_aside(self, error: sqlite3.Error) -> None:
        if _inode(self._path) != self._inode:
            return  # another process has just done it
        aside = f"{self._path.name}.damaged-{time.time_ns() // 1_000_000}"
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + ending).replace(
                    self._path.with_name(aside + ending)
                )
        self._warn(f"{self._path.name} is damaged ({error}); it was renamed to {aside}")


def _into_wal_mode(db: sqlite3.Connection) -> None:
    """Several processes that begin one file may refuse each other at once, whatever the timeout."""
    until = time.monotonic() + OPEN_WAIT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not _is(error, _BUSY) or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.005, 0.02))
        else:
            return


def _checkpoint(path: Path) -> None:
    with contextlib.suppress(sqlite3.Error):
        db = sqlite3.connect(path, timeout=1.0)
        try:
            # Not PASSIVE, which never catches up with other processes that go on writing: the log
            # would grow for as long as the run lasts.
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            db.close()


def _is(error: sqlite3.Error, codes: Sequence[int]) -> bool:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in codes


def _strange(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _running(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.is_alive()
