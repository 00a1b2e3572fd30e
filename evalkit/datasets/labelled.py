"""Labelled sets: answers or claims, their passages, and what people say of them. One CSV format.

Columns: `id`; `answer`, or `claim` where each row is one statement; `contexts`, a JSON list of
texts or one text; `label`, which is supported, unsupported or a share from 0 to 1, or is empty
where nobody has labelled the row; `question` where there is one, and `metric` where the labels are
of one. A column `score` may stand for `label`. A cell that is a JSON string, quotes included, is
read as the text it spells: so a text that a spreadsheet would act on, or break into lines, comes
back as it was.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalkit import codec
from evalkit.datasets.delimited import csv_rows
from evalkit.datasets.jsonl import MAX_LINE_BYTES, parse_json, text_lines
from evalkit.datasets.rows import Row, shown
from evalkit.errors import DataError, Problem

Unit = Literal["answer", "claim"]
Refuse = Callable[..., None]
"""Notes what is wrong with a field, and what is allowed there."""

WORDS = {"supported": 1.0, "unsupported": 0.0}
LABELS = "supported, unsupported, or a number from 0 to 1"
COLUMNS = ("id", "question", "answer", "claim", "contexts", "label", "score", "metric")
_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters by their category that draw nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One answer or claim with its passages. `human` is None where nobody has labelled it.

    `human` is the share of what it says that its passages support: 1 supported, 0 not.
    """

    id: str
    text: str
    contexts: tuple[str, ...]
    question: str = ""
    human: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """Items of one unit, with ids of their own. `ignored` are columns that were not read.

    `metric` is the one that people were asked about, where the set says so.
    """

    name: str
    unit: Unit
    items: tuple[Labelled, ...]
    metric: str = ""
    ignored: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Identifies texts and labels, whatever file they came in and in whatever order."""
        ordered = sorted(self.items, key=lambda item: item.id)
        rows = [[i.id, i.question, i.text, list(i.contexts), i.human] for i in ordered]
        return codec.digest([self.unit, rows])


def read_labelled(path: Path, *, name: str = "") -> LabelledSet:
    """Read a labelled set; `name` is the file's stem by default.

    Raises `DataError` with every row that cannot be used, each with its line.
    """
    problems: list[Problem] = []
    rows = list(csv_rows(path, problems))
    columns = _columns(path)
    if columns or not problems:
        problems += _wrong_columns(path, columns)
    if problems:
        raise DataError(problems)
    unit: Unit = "claim" if "claim" in columns else "answer"
    items = [_item(row, unit, problems) for row in rows]
    problems += _twice(rows)
    metrics = {_text(row, "metric"): row for row in rows}
    if len(metrics) > 1:
        where = f"{[*metrics.values()][1].where} metric"
        what = "the rows are of several metrics"
        problems.append(Problem(where=where, what=what, value=shown([*metrics]), allowed="one"))
    if not rows:
        problems.append(Problem(where=str(path), what="the set has no row"))
    if problems:
        raise DataError(problems)
    return LabelledSet(
        name=name or path.stem,
        unit=unit,
        items=tuple(item for item in items if item is not None),
        metric=next(iter(metrics)),
        ignored=tuple(column for column in columns if column not in COLUMNS),
    )


def write_labelled(path: Path, labelled: LabelledSet) -> None:
    """Write a set so that it reads back the same, and no spreadsheet acts on a cell. Atomic.

    Raises `DataError` where that cannot be: a row of more bytes than a line may have, a folder
    that cannot be written to. What stood in the file before is then still there.
    """
    of = [_cell(labelled.metric)] if labelled.metric else []
    lines = [_line(["id", "question", labelled.unit, "contexts", "label", *["metric" for _ in of]])]
    for item in labelled.items:
        contexts = json.dumps(list(item.contexts))
        # An empty cell is a text not given, and an empty answer is an answer.
        text = _cell(item.text) or '""'
        cells = [_cell(item.id), _cell(item.question), text, contexts]
        lines.append(_line([*cells, label_of(item.human), *of]))
    problems = [
        Problem(where=f"{path}:{number}", what="the row is too long to be read back",
                value=f"{len(line)} bytes", allowed=f"at most {MAX_LINE_BYTES} bytes")
        for number, line in enumerate(lines, start=1) if len(line) > MAX_LINE_BYTES
    ]  # fmt: skip
    if problems:
        raise DataError(problems)
    try:
        codec.write_atomic(path, b"".join(lines))
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise DataError([Problem(where=str(path), what=what)]) from error


def _line(cells: Iterable[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue().encode()


def label_of(human: float | None) -> str:
    """A label as it is written: a word where there is one for it."""
    if human is None:
        return ""
    return next((word for word, value in WORDS.items() if value == human), repr(human))


# ── columns and rows ─────────────────────────────────────────────────────────────────────────────


def _columns(path: Path) -> tuple[str, ...]:
    """The header; what is wrong with its line has been reported with the rows."""
    try:
        first = next(csv.reader(line for _, line in text_lines(path, [])), [])
    except csv.Error:
        first = []
    return tuple(name.removeprefix("\ufeff") for name in first)


def _wrong_columns(path: Path, columns: tuple[str, ...]) -> Iterable[Problem]:
    where = f"{path}:1"
    if len(columns) < 2:
        what = "the header is not a row of columns" if columns else "the file is empty"
        value = shown(columns[0]) if columns else ""
        allowed = f"columns set apart by commas: {', '.join(COLUMNS)}"
        yield Problem(where=where, what=what, value=value, allowed=allowed)
        return
    value = ", ".join(map(shown, columns))
    for name in ("id", "contexts"):
        if name not in columns:
            what = f"no column {name}"
            yield Problem(where=where, what=what, value=value, allowed=", ".join(COLUMNS))
    for one, other in (("answer", "claim"), ("label", "score")):
        if (one in columns) == (other in columns):
            what = f"needs a column {one} or a column {other}, and not both"
            yield Problem(where=where, what=what, value=value, allowed=", ".join(COLUMNS))


def _twice(rows: Iterable[Row]) -> Iterable[Problem]:
    seen: set[object] = set()
    for row in rows:
        name = _text(row, "id")
        if name and name in seen:
            yield Problem(where=f"{row.where} id", what="the id is given twice", value=shown(name))
        seen.add(name)


def _item(row: Row, unit: Unit, problems: list[Problem]) -> Labelled | None:
    """The item of a row, or None with everything that is wrong with it added to `problems`."""
    before = len(problems)

    def refuse(name: str, what: str, allowed: str = "") -> None:
        value = shown(row.fields[name]) if name in row.fields else ""
        where = f"{row.where} {name}"
        problems.append(Problem(where=where, what=what, value=value, allowed=allowed))

    texts = {name: _text(row, name) for name in ("id", unit, "question")}
    if not texts["id"].strip():
        refuse("id", "the text is missing", "a text")
    if unit not in row.fields:
        refuse(unit, "the text is missing", "a text")
    contexts = _contexts(row, refuse)
    human = _human(row, refuse)
    if len(problems) > before:
        return None
    return Labelled(
        id=texts["id"],
        question=texts["question"],
        text=texts[unit],
        contexts=contexts,
        human=human,
    )


def _text(row: Row, name: str) -> str:
    """The text of a cell; a JSON string is what it spells."""
    cell = str(row.fields.get(name, ""))
    if not (len(cell) > 1 and cell[0] == cell[-1] == '"'):
        return cell
    try:
        return str(parse_json(cell))
    except ValueError:
        return cell  # a text that happens to stand in quotes


def _contexts(row: Row, refuse: Refuse) -> tuple[str, ...]:
    if "contexts" not in row.fields:
        refuse("contexts", "the passages are missing", "a JSON list of texts, or one text")
        return ()
    cell = str(row.fields["contexts"])
    try:
        value = parse_json(cell) if cell.startswith("[") else [_text(row, "contexts")]
    except ValueError as error:
        if cell[1:].lstrip().startswith('"'):
            # A list that a spreadsheet has cut off is not one passage.
            refuse("contexts", f"the list is not JSON: {error}", "a JSON list of texts")
            return ()
        value = [cell]  # a text that begins with a bracket
    if isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value):
        return tuple(value)
    refuse("contexts", "the value is not a list of texts", "a list of texts, none empty")
    return ()


def _human(row: Row, refuse: Refuse) -> float | None:
    name = "score" if "score" in row.fields else "label"
    cell = str(row.fields.get(name, "")).strip().casefold()
    if not cell:
        return None
    if cell in WORDS:
        return WORDS[cell]
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if 0.0 <= value <= 1.0:
        return value
    refuse(name, "the label is not known", LABELS)
    return None


def _cell(text: str) -> str:
    """A text as it stands where no program acts on it, else as a JSON string of plain ASCII."""
    plain = text.isprintable() and text == text.strip() and not _UNSEEN & set(text)
    if plain and (not text or text[0].isalnum()):
        return text
    body = json.dumps(text)[1:-1]
    if body and body[0] != "\\" and not body[0].isalnum():
        # Some readers look through quotes and blanks for the sign that begins a formula.
        body = f"\\u{ord(body[0]):04x}{body[1:]}"
    return f'"{body}"'
