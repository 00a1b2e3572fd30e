"""The answers behind a baseline, kept where a suite says `keep_answers = true`.

`reports/baselines/<profile>/<suite>.answers.jsonl.gz` holds what the baseline's numbers were made
from: the texts that a changed judge is asked about again, and the passages that a changed pipeline
is tried on. A header line, then every distinct passage once, then every distinct answer of a case
once, with the epochs that gave it. The same run gives the same bytes.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit import baselines, codec
from evalkit.env_secrets import EnvSecrets
from evalkit.errors import ConfigError, DataError, Problem
from evalkit.records import Answer, Baseline, Passage, Run

SCHEMA_VERSION = 1
SUFFIX = ".answers.jsonl.gz"

MOST_BYTES = 512 * 2**20
"""Of a file, unpacked: a gzip file of a megabyte can unpack to a thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """One distinct answer to a case, and the epochs that gave it.

    `answer` has text, passages, what was retrieved and the prompt's name; no usage, cost or time.
    `blocked` is true where a guardrail refused the question, so that nothing was looked up.
    """

    case_id: str
    epochs: tuple[int, ...]
    answer: Answer
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswers:
    """All answers of one baseline. `target` is what the target of then can be made from again."""

    promoted_at: str
    target: Mapping[str, Any]
    answers: tuple[KeptAnswer, ...]

    def by_case(self) -> dict[str, tuple[KeptAnswer, ...]]:
        """The distinct answers of each case, the one of the earliest epoch first."""
        found: dict[str, tuple[KeptAnswer, ...]] = {}
        for kept in self.answers:
            found[kept.case_id] = (*found.get(kept.case_id, ()), kept)
        return found


def path_of(root: Path, profile: str, suite: str) -> Path:
    """Beside the baseline that the answers belong to. Raises `DataError` for odd names."""
    beside = baselines.path_of(root, profile, suite)
    return beside.with_name(beside.name.removesuffix(".json") + SUFFIX)


def blocked(answer: Answer) -> bool:
    """Whether a guardrail refused the question before anything was looked up."""
    return any(event.stage == "input" and event.action == "blocked" for event in answer.events)


# ── writing ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A line of the file: one distinct passage."""

    document_id: str
    chunk_id: str
    title: str
    text: str


_Places = tuple[tuple[int, int, float], ...]
"""Passages of an answer: the place of the text among those of the file, rank, similarity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A line of the file: one distinct answer to a case."""

    case_id: str
    epochs: tuple[int, ...]
    text: str
    prompt: str
    blocked: bool
    passages: _Places
    retrieved: _Places


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The first line, less the target; `texts` and `answers` count the lines that follow."""

    schema_version: int
    promoted_at: str
    texts: int
    answers: int


def save(root: Path, baseline: Baseline, run: Run, *, target: Mapping[str, Any]) -> Path:
    """Keep the answers of the run that became the baseline. Returns the file.

    `target` is plain data. Raises `ConfigError` for a suite that plants attacks, whose answers may
    hold the secrets it planted, and `DataError` where a text holds a secret of this environment or
    something that looks like a key: the file is committed.
    """
    suite, profile = baseline.fingerprint.suite, baseline.fingerprint.profile
    if any(case.attack is not None for case in run.cases):
        where = f"suite {suite} keep_answers"
        what = "a suite that plants attacks keeps no answers: they may hold what it plants"
        raise ConfigError([Problem(where=where, what=what, value="true", allowed="false")])
    texts, rows = _lines(run)
    header = codec.encode(
        _Header(
            schema_version=SCHEMA_VERSION,
            promoted_at=baseline.promoted_at,
            texts=len(texts),
            answers=len(rows),
        )
    )
    lines = [{**header, "target": dict(target)}, *map(codec.encode, (*texts, *rows))]
    _refuse_secrets(suite, header=lines[0], texts=texts, rows=rows)
    path = path_of(root, profile, suite)
    codec.write_atomic(path, _packed(b"".join(codec.canonical(line) + b"\n" for line in lines)))
    return path


def forget(root: Path, profile: str, suite: str) -> None:
    """Remove kept answers: those of a baseline that has been replaced would belong to no other."""
    path_of(root, profile, suite).unlink(missing_ok=True)


def _lines(run: Run) -> tuple[list[_Text], list[_Row]]:
    """Distinct passages and distinct answers, both in the order they first occur in."""
    places: dict[_Text, int] = {}
    epochs: dict[_Row, list[int]] = {}

    def placed(passages: tuple[Passage, ...]) -> _Places:
        return tuple(
            (places.setdefault(_text(one), len(places)), one.rank, float(one.similarity))
            for one in passages
        )

    for trial in run.trials:
        if isinstance(answer := trial.outcome, Answer):
            row = _Row(
                case_id=trial.case_id,
                epochs=(),
                text=answer.text,
                prompt=answer.prompt,
                blocked=blocked(answer),
                passages=placed(answer.passages),
                retrieved=placed(answer.retrieved),
            )
            epochs.setdefault(row, []).append(trial.repeat)
    rows = [replace(row, epochs=tuple(sorted(given))) for row, given in epochs.items()]
    return list(places), rows


def _text(passage: Passage) -> _Text:
    return _Text(
        document_id=passage.document_id,
        chunk_id=passage.chunk_id,
        title=passage.title,
        text=passage.text,
    )


def _refuse_secrets(suite: str, *, header: object, texts: list[_Text], rows: list[_Row]) -> None:
    """Raise `DataError` naming every text with a secret in it, and none of the secrets."""
    secrets = EnvSecrets(os.environ)
    written = [
        ("the target's table", codec.canonical(header).decode()),
        *((f"chunk {one.chunk_id} of document {one.document_id}", f"{one.title}\n{one.text}")
          for one in texts),
        *((f"an answer to case {row.case_id}", row.text) for row in rows),
    ]  # fmt: skip
    problems = [
        Problem(
            where=f"suite {suite} keep_answers",
            what=f"{place} holds a secret, or what looks like a key; it would be committed",
        )
        for place, text in written
        if secrets.hide(text) != text
    ]
    if problems:
        raise DataError(problems)


def _packed(data: bytes) -> bytes:
    """As gzip, without a name or a time in it."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(data)
    return packed.getvalue()


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


def load(root: Path, profile: str, suite: str, baseline: Baseline) -> KeptAnswers | None:
    """The answers of this very baseline; None where none are kept.

    Raises `DataError` where the file is damaged, or is not of this baseline: every case and epoch
    must be there, with the answer whose digest the baseline holds.
    """
    path = path_of(root, profile, suite)
    if not path.exists():
        return None
    where = str(path)
    kept = _read(path, where)
    problems = [Problem(where=where, what=what) for what in _faults(kept, baseline)]
    if problems:
        raise DataError(problems)
    return kept


def _read(path: Path, where: str) -> KeptAnswers:
    lines = [
        codec.loads_strict(line, where=f"{where}:{number}")
        for number, line in enumerate(_unpacked(path, where).splitlines(), start=1)
    ]
    first = dict(lines[0]) if lines and isinstance(lines[0], dict) else {}
    target = first.pop("target", None)
    header = codec.decode(_Header, first, where=f"{where}:1")
    if header.schema_version != SCHEMA_VERSION or not isinstance(target, dict):
        what = "this evalkit cannot read kept answers of this form."
        raise DataError([Problem(where=f"{where}:1", what=what, allowed=str(SCHEMA_VERSION))])
    ends = 1 + header.texts
    if len(lines) != ends + header.answers:
        what = f"{len(lines)} lines, its header says {ends + header.answers}"
        raise DataError([Problem(where=where, what=what)])
    texts = [
        codec.decode(_Text, line, where=f"{where}:{number}")
        for number, line in enumerate(lines[1:ends], start=2)
    ]
    try:
        answers = tuple(
            _kept(codec.decode(_Row, line, where=f"{where}:{number}"), texts)
            for number, line in enumerate(lines[ends:], start=ends + 1)
        )
    except (IndexError, ValueError) as error:
        what = f"an answer names passages that are none: {error}"
        raise DataError([Problem(where=where, what=what)]) from error
    return KeptAnswers(promoted_at=header.promoted_at, target=target, answers=answers)


def _unpacked(path: Path, where: str) -> bytes:
    try:
        with gzip.open(path) as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError([Problem(where=where, what=f"cannot be read: {error}")]) from error
    if len(data) > MOST_BYTES:
        raise DataError([Problem(where=where, what=f"more than {MOST_BYTES} bytes, unpacked")])
    return data


def _kept(row: _Row, texts: list[_Text]) -> KeptAnswer:
    def passages(places: _Places) -> tuple[Passage, ...]:
        if any(place < 0 for place, _, _ in places):
            raise IndexError("a place below 0")
        return tuple(
            Passage(
                document_id=texts[place].document_id,
                chunk_id=texts[place].chunk_id,
                title=texts[place].title,
                text=texts[place].text,
                rank=rank,
                similarity=similarity,
            )
            for place, rank, similarity in places
        )

    answer = Answer(
        text=row.text,
        passages=passages(row.passages),
        retrieved=passages(row.retrieved),
        prompt=row.prompt,
    )
    return KeptAnswer(case_id=row.case_id, epochs=row.epochs, answer=answer, blocked=row.blocked)


def _faults(kept: KeptAnswers, baseline: Baseline) -> Iterator[str]:
    """What keeps these from being the answers of the baseline."""
    if kept.promoted_at != baseline.promoted_at:
        yield (
            f"answers of a baseline promoted {kept.promoted_at}, this one is of "
            f"{baseline.promoted_at}"
        )
        return
    found = {
        (one.case_id, epoch): baselines.answer_digest(one.answer)
        for one in kept.answers
        for epoch in one.epochs
    }
    if not all(one.epochs for one in kept.answers):
        yield "an answer is of no epoch"
    if len(found) != sum(len(one.epochs) for one in kept.answers):
        yield "an epoch of a case is there twice"
    wanted = {
        (case.id, epoch): digest
        for case in baseline.cases
        for epoch, digest in enumerate(case.answers)
    }
    for case_id, epoch in sorted(found.keys() | wanted.keys()):
        if found.get((case_id, epoch)) != wanted.get((case_id, epoch)):
            yield f"case {case_id}, epoch {epoch}: not the answer that the baseline was made from"
