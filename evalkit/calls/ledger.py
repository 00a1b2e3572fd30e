"""A hard cap in US dollars over all processes of a build: reserved before a call, settled after.

The account is one SQLite file, named after the run, that xdist workers share. Amounts are whole
nanodollars, rounded against the spender, so that a sum never drifts.

Durability: WAL with `synchronous=NORMAL`. What a process committed survives its death, kill -9
included, without an fsync a call. What a power cut may lose, the last moments, it loses together
with every process that spends from this account; after such an end, resume with
`already_spent_usd`.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.errors import BudgetExceeded, ConfigError, Problem

NANO = 1_000_000_000
BUSY_TIMEOUT_S = 10.0
"""How long a process waits for its turn; a turn takes some 50 µs, so this is a hung disk."""
_MOST = 10**18
"""A billion dollars. What a confused provider reports beyond it must not overflow a column."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS account (only INTEGER PRIMARY KEY, spent INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS reservation (id INTEGER PRIMARY KEY, held INTEGER NOT NULL)",
)


@dataclass(slots=True, eq=False)
class Reservation:
    """Money set aside for one attempt; it is settled or released exactly once.

    One that is neither, because its process died, counts at its full amount for good: whether the
    provider charges for a request that nobody waits for is not known.
    """

    usd: float
    _ledger: Ledger
    _id: int | None
    _ended: bool = field(default=False, init=False)

    def settle(self, usd: float | None) -> None:
        """The attempt cost so much; None, a negative or no finite number is unknown: all of it.

        What it cost beyond the reservation counts too. Raises `BudgetExceeded` where the account
        cannot be written (the reservation then stays), `RuntimeError` on a second end.
        """
        if self._ended:
            raise RuntimeError("a reservation is settled once; this one has ended")
        self._end(_nano(usd if _is_amount(usd) else self.usd))

    def release(self) -> None:
        """Nothing was charged: the request was never sent, or was refused before any work.

        After a timeout or a broken connection this is not known: settle with None. Does nothing
        once the reservation has ended, so that it may stand in a `finally`.
        """
        if not self._ended:
            self._end(0)

    def _end(self, spent: int) -> None:
        self._ledger._end(self._id, spent)  # noqa: SLF001 - a reservation is a part of its ledger
        self._ended = True


@dataclass(slots=True, kw_only=True, eq=False)
class Ledger:
    """The account of one build in the file at `path`, with a cap of `cap_usd`.

    A file that exists is carried on, reservations of dead processes included; a new one starts at
    `already_spent_usd`, what a run that is resumed had spent. Threads and processes may share the
    file; forked ones may share the object. Raises `ConfigError` where the file cannot be used,
    `ValueError` for a cap that is no amount.
    """

    path: Path
    cap_usd: float
    already_spent_usd: float = 0.0
    in_flight: int = field(default=0, init=False)
    """Reservations of this process that have not ended."""
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    _connection: sqlite3.Connection | None = field(default=None, init=False)
    _opened_by: int = field(default=0, init=False)
    _file: tuple[int, int] = field(default=(0, 0), init=False)

    def __post_init__(self) -> None:
        for name in ("cap_usd", "already_spent_usd"):
            if not _is_amount(getattr(self, name)):
                raise ValueError(f"{name} must be dollars of 0 or more, got {getattr(self, name)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._transaction() as account:
                account.execute("INSERT OR IGNORE INTO account VALUES (1, 0)")
                spent, _ = _state(account)
                # The larger, not the sum: each worker of a resumed build tells the same amount.
                told = max(spent, _nano(self.already_spent_usd))
                account.execute("UPDATE account SET spent = ?", (told,))
        except (OSError, sqlite3.Error, BudgetExceeded) as error:
            self.close()
            what = f"the budget cannot be kept here, so nothing may be spent: {error}"
            raise ConfigError([Problem(where=str(self.path), what=what)]) from error

    def reserve(self, usd: float) -> Reservation:
        """Set `usd` aside for a call that may cost so much; nothing is free but a 0.

        Raises `BudgetExceeded` where spent, reserved and this together pass the cap, or where the
        account cannot be written; `ValueError` for what is no amount.
        """
        if not _is_amount(usd):
            raise ValueError(f"only dollars of 0 or more can be reserved, got {usd!r}")
        held = _nano(usd)
        if held == 0:
            return Reservation(usd, self, None)
        with self._kept() as account:
            spent, reserved = _state(account)
            if spent + reserved + held > self._cap:
                raise BudgetExceeded(
                    f"the next call may cost ${usd:.6f}: ${spent / NANO:.6f} is spent and "
                    f"${reserved / NANO:.6f} reserved for calls in flight or cut off, "
                    f"of a budget of ${self.cap_usd:.6f}",
                    may_pass=spent + held <= self._cap,
                )
            row = account.execute("INSERT INTO reservation (held) VALUES (?)", (held,)).lastrowid
            self.in_flight += 1
        return Reservation(usd, self, row)

    @property
    def spent_usd(self) -> float:
        """What settled calls cost, of all processes."""
        with self._kept() as account:
            return _state(account)[0] / NANO

    @property
    def reserved_usd(self) -> float:
        """What is set aside: for calls in flight, and for those whose process died."""
        with self._kept() as account:
            return _state(account)[1] / NANO

    @property
    def left_usd(self) -> float:
        """What may still be reserved; 0 or less where the budget is spent."""
        with self._kept() as account:
            return (self._cap - sum(_state(account))) / NANO

    def close(self) -> None:
        """Close the file; the account stays in it, and a later call opens it again."""
        with self._lock:
            # A connection that was opened before a fork belongs to the other process.
            if self._connection is not None and self._opened_by == os.getpid():
                self._connection.close()
            self._connection = None

    @property
    def _cap(self) -> int:
        return int(min(self.cap_usd * NANO, _MOST))  # down, where every amount goes up

    def _end(self, row: int | None, spent: int) -> None:
        if row is None and spent == 0:
            return
        with self._kept() as account:
            before, _ = _state(account)
            account.execute("UPDATE account SET spent = ?", (min(before + spent, _MOST),))
            if row is not None:
                account.execute("DELETE FROM reservation WHERE id = ?", (row,))
                self.in_flight -= 1

    @contextlib.contextmanager
    def _kept(self) -> Iterator[sqlite3.Connection]:
        """As `_transaction`, where a failure means that nobody may spend."""
        try:
            with self._transaction() as account:
                yield account
        except (OSError, sqlite3.Error) as error:
            raise BudgetExceeded(f"the budget in {self.path} cannot be kept: {error}") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The file to this thread alone; all or nothing of what happens inside."""
        with self._lock:
            account = self._open()
            # IMMEDIATE: the sum is read under the lock under which the row is written.
            account.execute("BEGIN IMMEDIATE")
            try:
                yield account
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                    account.execute("ROLLBACK")
                raise
            account.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._opened_by == os.getpid():
            if self._identity() != self._file:
                raise BudgetExceeded(f"the budget in {self.path} was replaced during the run")
            return self._connection
        connection = _connected(self.path)
        self._connection, self._opened_by = connection, os.getpid()
        self._file = self._identity()
        return connection

    def _identity(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_dev, found.st_ino


def _connected(path: Path) -> sqlite3.Connection:
    """A connection to the file, its tables made. Raises `sqlite3.Error` and `OSError`."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            for statement in _SCHEMA:
                connection.execute(statement)
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            # Two processes that make a new file at once meet while they switch to WAL, where
            # SQLite does not wait for its turn by itself.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.002)
        except BaseException:
            connection.close()
            raise


def _state(account: sqlite3.Connection) -> tuple[int, int]:
    """Spent and reserved, in nanodollars. Raises `BudgetExceeded` for an account that is none."""
    row = account.execute(
        "SELECT spent, (SELECT coalesce(sum(held), 0) FROM reservation),"
        " (SELECT coalesce(min(held), 0) FROM reservation) FROM account"
    ).fetchone()
    if row is None or not all(isinstance(value, int) and value >= 0 for value in row):
        raise BudgetExceeded(f"the account is damaged: it holds {row!r}")
    spent, reserved, _ = row
    return spent, reserved


def _is_amount(usd: float | None) -> bool:
    return usd is not None and math.isfinite(usd) and usd >= 0.0


def _nano(usd: float | None) -> int:
    return min(math.ceil((usd or 0.0) * NANO), _MOST)
