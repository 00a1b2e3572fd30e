"""The end of a run, as a table for a terminal: pure, so that pytest, the CLI and tests share it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal

from evalkit.report.baseline_view import in_short
from evalkit.report.complaints import Complaint
from evalkit.report.gate_view import GateRow
from evalkit.report.sinks import terminal
from evalkit.report.spending_view import SpendingRow
from evalkit.report.view import SuiteView

Style = Literal["plain", "bold", "dim", "PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
Span = tuple[str, Style]
Line = tuple[Span, ...]

_SGR: dict[Style, str] = {
    "bold": "1", "dim": "2", "PASS": "32", "FAIL": "1;31", "INCONCLUSIVE": "33", "ERROR": "1;35",
}  # fmt: skip

_HEADS = ("gate", "baseline", "now", "change [95 %]", "detects", "verdict")
_LEFT = frozenset({0, 3, 5})
"""Columns aligned left: words, and the change, whose sign lines up."""


def summary(suite: SuiteView, *, color: bool = False) -> tuple[str, ...]:
    """One suite's table, its cost, and why each gate that did not pass did not."""
    return tuple(
        "".join(_painted(text, style) if color else text for text, style in line).rstrip()
        for line in lines(suite)
    )


def lines(suite: SuiteView) -> tuple[Line, ...]:
    """The same as styled spans. Every text is safe to print."""
    return (
        _title(suite),
        *_table(suite.gates),
        *_notes(suite),
        *(line for complaint in suite.red for line in _complaint(complaint)),
    )


def _title(suite: SuiteView) -> Line:
    lane = ("release lane",) if suite.lane == "release" else ()
    release = (f"release {in_short(suite.release)}",) if suite.release is not None else ()
    facts = (*lane, suite.profile_short, suite.n_cases, suite.baseline_short, *release)
    rest = "".join(f" · {terminal(fact, limit=160)}" for fact in facts)
    return ((terminal(suite.name, limit=80), "bold"), (rest, "dim"))


def _table(gates: Sequence[GateRow]) -> tuple[Line, ...]:
    rows = [_cells(gate) for gate in gates]
    widths = [max(_width(text) for text in column) for column in zip(_HEADS, *rows, strict=True)]
    head: Line = (("  " + "  ".join(map(_padded, _HEADS, widths, range(6))), "dim"),)
    return (head, *(_row(gate, row, widths) for gate, row in zip(gates, rows, strict=True)))


def _cells(gate: GateRow) -> tuple[str, ...]:
    change = " ".join(part for part in (gate.change, gate.interval) if part)
    cells = (gate.gate, gate.baseline, gate.now, change, gate.detects, gate.outcome)
    return tuple(terminal(cell, limit=48) for cell in cells)


def _row(gate: GateRow, row: Sequence[str], widths: Sequence[int]) -> Line:
    *padded, verdict = map(_padded, row, widths, range(len(row)))
    note = f"  {terminal(gate.note, limit=70)}" if gate.note else ""
    cells = "  " + "  ".join(padded) + "  "
    return ((cells, "plain"), (verdict, gate.outcome), (note, "dim"))


def _padded(text: str, width: int, column: int) -> str:
    blank = " " * (width - _width(text))
    return text + blank if column in _LEFT else blank + text


def _width(text: str) -> int:
    """Terminal cells: East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _notes(suite: SuiteView) -> tuple[Line, ...]:
    """What the run cost, and what else was measured."""
    spent = f"{suite.cost} ({suite.cost_per_case} an answer)"
    found = [_dim(f"  {spent} · {suite.tokens} tokens · {suite.duration}")]
    found += [_dim(f"  {_spent(row)}") for row in suite.spending]
    found += [_dim(f"  {terminal(text, limit=240)}") for text in _instrument(suite)]
    if suite.metrics:
        shown = _fitting([terminal(f"{row.metric} {row.now}", limit=80) for row in suite.metrics])
        found.append(_dim(f"  not gated: {shown}"))
    if suite.n_unmeasured:
        missing = f"  not measured: {suite.n_unmeasured} of {suite.n_cases}"
        found.append(((missing, "ERROR"),))
    return tuple(found)


def _instrument(suite: SuiteView) -> Iterator[str]:
    """What the numbers rest on: the judge, the calls it was spared, and what is not as before."""
    if suite.judge.said:
        yield f"judge: {suite.judge.said}"
    if suite.savings.total:
        yield f"judge calls: {suite.savings.total}"
    if suite.changes:
        yield f"changed: {'; '.join(f'{name} {how}' for name, how in suite.changes)}"


def _spent(row: SpendingRow) -> str:
    """One role's calls; what a cache and failed attempts changed only where they did."""
    cached = f", {row.cached} cached" if row.cached != "0" else ""
    retried = f", {row.retries} failed attempts" if row.retries != "0" else ""
    return (
        f"{row.role}: {row.calls} calls{cached}{retried} · {row.tokens} tokens · "
        f"{row.billed} billed, {row.cold} with a cold cache"
    )


_ROOM = 200
"""Characters of metrics that are shown and not gated."""


def _fitting(items: Sequence[str]) -> str:
    """As many whole items as there is room for, and how many are left."""
    ends = accumulate(len(item) + 2 for item in items)
    shown = items[: max(1, sum(end <= _ROOM for end in ends))]
    left = len(items) - len(shown)
    return f"{', '.join(shown)}{f' and {left} more' if left else ''}"


def _complaint(found: Complaint) -> tuple[Line, ...]:
    """Why, and on which side of the pipeline it moved."""
    why: Line = (
        (f"{found.outcome}: ", found.outcome),
        (terminal(found.sentence, limit=500), "plain"),
    )
    moved = [terminal(one.said, limit=240) for one in found.attributions]
    return (why, *(_dim(f"  {text}") for text in moved))


def _dim(text: str) -> Line:
    return ((text, "dim"),)


def _painted(text: str, style: Style) -> str:
    code = _SGR.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text
