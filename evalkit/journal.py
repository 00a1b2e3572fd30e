"""Append-only record of every finished trial and score, so that a killed run resumes.

What the calls behind them came to is written before they are: a resumed run forgets no spending.

One file a writer, one line a record, written with a single
`write` to a file opened for appending: a kill tears at most the last line, and that line's work is
simply done again. The first line names what the run was made of; a journal of another run is
refused, never mixed in.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evalkit import codec
from evalkit.errors import DataError, Problem
from evalkit.records import Looks, Score, Spend, Trial, Unscored

Entry = Trial | Score | Unscored | Spend

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What journals hold of one run: the last word on each trial, score and spending.

    `looks` is in no journal: which cases a verdict needs is found again when a run is resumed.
    """

    trials: tuple[Trial, ...]
    scores: tuple[Score | Unscored, ...]
    spends: tuple[Spend, ...] = ()
    looks: Looks | None = None


class Journal:
    """An open journal of one suite."""

    def __init__(self, path: Path, *, key: str) -> None:
        """Open for appending; a new file starts with a header that carries `key`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if os.fstat(self._file).st_size == 0:
            self._write({"journal": FORMAT, "key": key})

    def add(self, record: Entry) -> None:
        """Write one record; it survives a kill of this process from here on."""
        kind = "trial" if isinstance(record, Trial) else "score"
        if isinstance(record, Spend):
            kind = "spend"
        self._write({kind: codec.encode(record)})

    def _write(self, data: object) -> None:
        os.write(self._file, codec.canonical(data) + b"\n")

    def close(self) -> None:
        """Nothing can be added after this."""
        os.close(self._file)


def _cut_torn_line(path: Path) -> None:
    """Drop what a kill left after the last newline, so that the next line starts clean."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        codec.write_atomic(path, data[: data.rfind(b"\n") + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the journals of one execution lie: `<folder>/<suite>.<run_id>.<writer>.jsonl`.

    All processes of an execution share `run_id` (under xdist, each worker is a `writer`). What an
    earlier execution left is read when `resume` is true; otherwise the first to look removes it,
    which is safe from every process at any time because it never touches this execution's files.
    """

    folder: Path
    run_id: str
    writer: str
    resume: bool

    def own(self, suite: str) -> Path:
        """The file this process appends to."""
        return self.folder / f"{suite}.{self.run_id}.{self.writer}.jsonl"

    def files(self, suite: str) -> tuple[Path, ...]:
        """Every journal of the suite that counts, what was written last at the end.

        A resumed run does again what a budget refused: of two records the later one holds.
        """
        found = [
            path
            for path in self.folder.glob(f"{glob.escape(suite)}.*.*.jsonl")
            # `a.b` is a suite of its own: its journals are none of the suite `a`.
            if path.name.removeprefix(f"{suite}.").count(".") == 2
        ]
        if self.resume:
            return tuple(sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name)))
        current = f"{suite}.{self.run_id}."
        for path in found:
            if not path.name.startswith(current):
                path.unlink(missing_ok=True)
        return tuple(sorted(path for path in found if path.name.startswith(current)))


def read(paths: Iterable[Path], *, key: str) -> Entries:
    """What the journals of a run hold; a record written twice counts once, the last one.

    Raises `DataError` for a line that is not a record, and for a journal of another run (other
    suite, dataset, prompt, metric version, judge or configuration).
    """
    trials: dict[tuple[str, int], Trial] = {}
    scores: dict[tuple[str, int, str], Score | Unscored] = {}
    spends: dict[tuple[str, int, str], Spend] = {}
    problems: list[Problem] = []
    for path in paths:
        try:
            for record in _records(path, key):
                if isinstance(record, Trial):
                    trials[record.case_id, record.repeat] = record
                elif isinstance(record, Spend):
                    spends[record.case_id, record.repeat, record.part] = record
                else:
                    scores[record.case_id, record.repeat, record.metric] = record
        except DataError as error:
            problems.extend(error.problems)
    if problems:
        raise DataError(problems)
    return Entries(
        trials=tuple(trials.values()), scores=tuple(scores.values()), spends=tuple(spends.values())
    )


def _records(path: Path, key: str) -> Iterable[Entry]:
    lines = path.read_bytes().split(b"\n")[:-1]  # after the last newline: nothing, or a torn line
    for number, line in enumerate(lines, start=1):
        where = f"{path.name}:{number}"
        data = codec.loads_strict(line, where=where)
        if number == 1:
            if data != {"journal": FORMAT, "key": key}:
                what = "this journal belongs to another run; start again without --evalkit-resume"
                raise DataError([Problem(where=where, what=what)])
        elif not isinstance(data, dict):
            raise DataError([Problem(where=where, what="not a JSON object")])
        elif "trial" in data:
            yield codec.decode(Trial, data["trial"], where=where)
        elif "score" in data:
            yield _decode_score(data["score"], where)
        elif "spend" in data:
            yield codec.decode(Spend, data["spend"], where=where)
        else:
            raise DataError([Problem(where=where, what="neither a trial nor a score nor a spend")])


def _decode_score(data: object, where: str) -> Score | Unscored:
    unscored = isinstance(data, dict) and data.get("type") == "Unscored"
    if unscored:
        return codec.decode(Unscored, data, where=where)
    return codec.decode(Score, data, where=where)
