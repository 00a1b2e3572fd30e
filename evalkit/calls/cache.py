"""Replies that were paid for once, by request, in a file that several processes share.

Values are JSON, each with a digest over key and value: a row that was damaged or moved is a miss
with a warning. With a `secret` the digest cannot be made without it, so a cache that strangers may
write to cannot put words into a judge's mouth either.

Of several processes that want the same reply one asks for it: it holds a claim, which ends with the
reply, with a failure, with its process, or at the latest when its lease does.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from evalkit.calls.key import FORMAT
from evalkit.calls.rows import Rows
from evalkit.codec import canonical, decode, encode, loads_strict
from evalkit.errors import DataError

T = TypeVar("T")

LEASE_S = 660.0
"""A little longer than all attempts of one request may take."""

CLOCK_SLACK_S = 60.0
"""What may lie between two processes that look at the clock and then write what they saw."""

POLL_S = (0.02, 0.25)
"""First and longest pause between two looks at a claim of another process."""

# With a rowid: replies in the key's own tree would be moved whenever it grows.
_REPLIES = (
    "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, value BLOB NOT NULL,"
    " digest BLOB NOT NULL, stored_at REAL NOT NULL)"
)
_CLAIMS = (
    "CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL,"
    " pid INTEGER NOT NULL, until REAL NOT NULL) WITHOUT ROWID"
)
_GET = "SELECT value, digest FROM replies WHERE key = ?"
_PUT = "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)"
_DISCARD = "DELETE FROM replies WHERE key = ?"
_CLAIM = (
    "INSERT INTO claims VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE"
    " SET owner = ?2, pid = ?3, until = ?4"
    # A claim to longer than any lease was made by a clock that has been put right.
    " WHERE until < ?5 OR until > ?6 OR owner = ?2"
)
_HOLDER = "SELECT owner, pid FROM claims WHERE key = ?"
_UNCLAIM = "DELETE FROM claims WHERE key = ? AND owner = ?"
_PRUNE = "DELETE FROM replies WHERE stored_at < ?"
_PRUNE_CLAIMS = "DELETE FROM claims WHERE until < ?"

_log = logging.getLogger(__name__)


class ReplyCache:
    """Records by key. `warnings` says what was wrong with the file, for the report.

    For the tasks of one event loop; any number of processes and loops may open the same file.
    Raises `ConfigError` where it cannot be opened. Later faults cost money, never the run.
    """

    def __init__(
        self,
        path: Path,
        *,
        secret: bytes = b"",
        lease_s: float = LEASE_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.warnings: list[str] = []
        self._secret = hashlib.sha256(secret).digest() if secret else b""
        self._lease_s = lease_s
        self._now = now
        self._owner = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._unsaved: dict[str, bytes] = {}
        self._discarded: set[str] = set()
        self._rows = Rows(path, tables=(_REPLIES, _CLAIMS), version=FORMAT, warn=self._warn)

    def get(self, kind: type[T], key: str) -> T | None:
        """The record stored under the key, or None."""
        if key in self._discarded:
            return None
        value = self._unsaved.get(key)
        if value is None:
            row = self._rows.select(_GET, (key,))
            if row is None:
                return None
            value, digest = row
            if (
                type(value) is not bytes
                or type(digest) is not bytes
                or not hmac.compare_digest(digest, self._digest(key, value))
            ):
                self.discard(key, "its digest does not fit")
                return None
        try:
            return decode(kind, loads_strict(value, where="cache"), where="cache")
        except DataError as error:
            self.discard(key, str(error))
            return None

    def put(self, key: str, value: object) -> None:
        """Store a record, and give up the claim to it. In the file within a moment."""
        data = canonical(encode(value))
        self._unsaved[key] = data
        self._discarded.discard(key)
        self._rows.write(
            _PUT,
            (key, data, self._digest(key, data), self._now()),
            done=lambda _: self._saved(key, data),
        )
        self.release(key)

    def discard(self, key: str, why: str) -> None:
        """Forget what cannot be used."""
        self._warn(f"stored reply {key[:12]} is not used: {why}")
        self._unsaved.pop(key, None)
        self._discarded.add(key)
        self._rows.write(_DISCARD, (key,), done=lambda _: self._discarded.discard(key))

    def prune(self, older_than_days: float) -> int:
        """Delete older replies, and claims of processes that died; how many replies there were."""
        try:
            count = self._rows.execute_now(_PRUNE, (self._now() - older_than_days * 86_400,))
            self._rows.execute_now(_PRUNE_CLAIMS, (self._now(),))
            self._rows.execute_now("VACUUM")
        except sqlite3.Error as error:
            self._warn(f"not pruned: {error}")
            return 0
        return count

    def close(self) -> None:
        """Write what is still to be written, and close the file."""
        self._rows.close()

    # ── one asks, the others wait ────────────────────────────────────────────────────────────────

    async def found_or_claimed(self, kind: type[T], key: str) -> T | None:
        """The record, as soon as somebody has it; None: it is ours to get.

        Whoever is given None owes a `put` or a `release`.
        """
        pause_s, longest_s = POLL_S
        while True:
            if await self._claim(key):
                # Looked for after claiming: whoever had the claim before may have stored it.
                found = self.get(kind, key)
                if found is not None:
                    self.release(key)
                return found
            await asyncio.sleep(pause_s)
            pause_s = min(longest_s, pause_s * 1.5)
            found = self.get(kind, key)
            if found is not None:
                return found

    def release(self, key: str) -> None:
        """Let others ask."""
        self._rows.write(_UNCLAIM, (key, self._owner))

    async def _claim(self, key: str) -> bool:
        now = self._now()
        until = now + self._lease_s
        values = (key, self._owner, os.getpid(), until, now, until + CLOCK_SLACK_S)
        try:
            if await self._rows.written(_CLAIM, values):
                return True
            holder = self._rows.select(_HOLDER, (key,))
            if holder is not None and not _alive(holder[1]):
                await self._rows.written(
                    "DELETE FROM claims WHERE key = ? AND pid = ?", (key, holder[1])
                )
                return bool(await self._rows.written(_CLAIM, values))
        except asyncio.CancelledError:
            self.release(key)
            raise
        return False

    # ── rows ─────────────────────────────────────────────────────────────────────────────────────

    def _digest(self, key: str, value: bytes) -> bytes:
        data = key.encode() + b"\0" + value
        return hashlib.blake2b(data, digest_size=32, key=self._secret).digest()

    def _saved(self, key: str, data: bytes) -> None:
        if self._unsaved.get(key) is data:
            del self._unsaved[key]

    def _warn(self, what: str) -> None:
        self.warnings.append(what)
        _log.warning("reply cache: %s", what)


def _alive(pid: object) -> bool:
    """Whether the process may still be at work; where that cannot be told, its lease decides."""
    if os.name != "posix" or type(pid) is not int or pid <= 0:
        return True
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether it has ended and only its parent has not noticed; known on Linux alone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]
