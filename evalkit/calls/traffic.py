"""What surrounds the calls of a whole build: its budget, its deadline, its recordings."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from evalkit.calls.cache import ReplyCache
from evalkit.calls.caller import Calls
from evalkit.calls.ledger import Ledger
from evalkit.calls.recording import Recorder, Replay
from evalkit.calls.retry import Retry
from evalkit.errors import ConfigError, Problem

REPLIES = "replies.sqlite"
"""The reply cache's file in the project's cache folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One a process and build; every plan takes its own `calls` from it.

    `ledger` is None where nothing is capped, `deadline` an instant of `time.monotonic`. With
    `rehearsing`, no model outside this process is called at all. Leaving it as a context manager
    writes the recordings.
    """

    ledger: Ledger | None = None
    replay: Replay | None = None
    record: Recorder | None = None
    deadline: float | None = None
    cached: bool = True
    rehearsing: bool = False
    retry: Retry = field(default_factory=Retry)

    @classmethod
    def of_build(
        cls,
        folder: Path,
        *,
        run_id: str,
        resume: bool = False,
        max_usd: float | None = None,
        deadline_s: float | None = None,
        replay: Path | None = None,
        record: Path | None = None,
        cached: bool = True,
    ) -> Traffic:
        """As options say. All processes of a build share `folder` and `run_id`.

        A build that resumes goes on from what the one before it spent.

        Raises `ConfigError` for options that contradict each other or make no sense, and
        `DataError` for recordings that cannot be read.
        """
        problems = [
            Problem(where=name, what="must be more than 0", value=repr(value))
            for name, value in (("max-usd", max_usd), ("deadline", deadline_s))
            if value is not None and not 0 < value < float("inf")
        ]
        if replay is not None and record is not None:
            problems.append(Problem(where="replay, record", what="choose one of the two"))
        if problems:
            raise ConfigError(problems)
        return cls(
            ledger=None if max_usd is None else _ledger(folder, run_id, max_usd, resume=resume),
            replay=None if replay is None else Replay(replay),
            record=None if record is None else Recorder(record),
            deadline=None if deadline_s is None else time.monotonic() + deadline_s,
            cached=cached,
        )

    def calls(self, cache: Path) -> Calls:
        """What goes around the calls of one plan; `cache` is the project's cache folder.

        A replay has no cache beside it: what is not recorded must not be found elsewhere.
        """
        return Calls(
            cache=ReplyCache(cache / REPLIES) if self.cached and self.replay is None else None,
            ledger=self.ledger,
            replay=self.replay,
            record=self.record,
            retry=self.retry,
            deadline=self.deadline,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the recordings, close the ledger."""
        if self.record is not None:
            self.record.close()
        if self.ledger is not None:
            self.ledger.close()


def _ledger(folder: Path, run_id: str, max_usd: float, *, resume: bool) -> Ledger:
    """The build's account; those of builds before it are read when resuming, else removed."""
    own = folder / f"budget.{run_id}.sqlite"
    spent = 0.0
    for path in sorted(folder.glob("budget.*.sqlite")):
        if path == own:
            continue
        if resume:
            before = Ledger(path=path, cap_usd=max_usd)
            # Each account goes on from the one before, so the largest holds them all.
            spent = max(spent, before.spent_usd + before.reserved_usd)
            before.close()
        else:
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
    return Ledger(path=own, cap_usd=max_usd, already_spent_usd=spent)
