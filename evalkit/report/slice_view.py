"""Where a metric moved: its change by tag, cluster and type of question.

A diagnostic, not a test: of many slices some look bad by chance, and their intervals say nothing of
how many were looked at. Gates decide on whole metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit.report import figures
from evalkit.report.case_view import CaseView
from evalkit.stats.paired import interval, mean_of, sample_mean

SMALLEST = 5
"""Cases below which a slice is not shown: its mean is mostly luck."""

_SHOWN = 8
"""Slices of one metric that are shown; the rest is counted."""

_SHOWN_CHANGE = 0.0005
"""The smallest change that three decimals show."""

_WORD = re.compile(r"[^\W\d_]+")
_WHO = {"who", "whom", "whose"}
_WHAT = {"what", "which"}
_ALONE = {"when", "where", "why", "how"}
_YES_NO = {
    "am", "are", "can", "could", "did", "do", "does", "had", "has", "have", "is", "may", "might",
    "must", "shall", "should", "was", "were", "will", "would",
    "aren", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn", "shouldn", "wasn",
    "weren", "won", "wouldn",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """One slice: means over its paired cases, and the change with its 95 % interval."""

    kind: str
    name: str
    n: str
    was: str
    now: str
    change: str
    interval: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTable:
    """One metric's slices, the worst change first; `left` were not among the first few."""

    metric: str
    rows: tuple[SliceRow, ...]
    left: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A case that was scored now and before."""

    cluster: str
    was: float
    now: float
    delta: float


def question_type(question: str) -> str:
    """The class of an English question by its first word; `other` for any other."""
    found = _WORD.search(question)
    first = found.group().lower() if found is not None else ""
    if first in _WHO:
        return "who"
    if first in _WHAT:
        return "what"
    if first in _ALONE:
        return first
    return "yes-no" if first in _YES_NO else "other"


def slice_tables(cases: Sequence[CaseView], metrics: Sequence[str]) -> tuple[SliceTable, ...]:
    """A table for each of `metrics` that has a slice of at least five paired cases.

    A slice that holds every paired case is left out: it is the metric itself. So is a metric of
    which no slice moved by what three decimals show.
    """
    tables = []
    for metric in metrics:
        members: dict[tuple[str, str], list[_Pair]] = {}
        n = 0
        for case in cases:
            pair = _pair(case, metric)
            if pair is not None:
                n += 1
                for key in _keys(case):
                    members.setdefault(key, []).append(pair)
        found = [(key, some) for key, some in members.items() if SMALLEST <= len(some) < n]
        if any(abs(_mean_change(some)) >= _SHOWN_CHANGE for _, some in found):
            tables.append(_table(metric, found))
    return tuple(tables)


def _pair(case: CaseView, metric: str) -> _Pair | None:
    for cell in case.cells:
        if cell.metric == metric and cell.value is not None and cell.delta is not None:
            cluster = f"cluster {case.cluster}" if case.cluster else f"case {case.anchor}"
            was = cell.value - cell.delta
            return _Pair(cluster=cluster, was=was, now=cell.value, delta=cell.delta)
    return None


def _keys(case: CaseView) -> Iterator[tuple[str, str]]:
    """The slices that a case is in."""
    for tag in dict.fromkeys(case.tags):
        yield "tag", tag
    if case.cluster:
        yield "cluster", case.cluster
    yield "question", question_type(case.question)


def _mean_change(pairs: Sequence[_Pair]) -> float:
    return mean_of([pair.delta for pair in pairs])


def _table(metric: str, found: Sequence[tuple[tuple[str, str], list[_Pair]]]) -> SliceTable:
    ranked = sorted(found, key=lambda item: (_mean_change(item[1]), item[0]))
    rows = tuple(_row(*key, some) for key, some in ranked[:_SHOWN])
    worst = rows[0]
    return SliceTable(
        metric=metric,
        rows=rows,
        left=len(ranked) - len(rows),
        said=f"worst: {worst.kind} {worst.name} {worst.change} (n = {worst.n})",
    )


def _row(kind: str, name: str, pairs: Sequence[_Pair]) -> SliceRow:
    deltas = [pair.delta for pair in pairs]
    clusters = [pair.cluster for pair in pairs]
    # Within one cluster its cases are all there is to tell how far they spread.
    shared = clusters if len(set(clusters)) > 1 else list(map(str, range(len(pairs))))
    low, high = interval(sample_mean(deltas, shared))
    mean = mean_of(deltas)
    return SliceRow(
        kind=kind,
        name=name,
        n=f"{len(pairs):,}",
        was=figures.amount(mean_of([pair.was for pair in pairs])),
        now=figures.amount(mean_of([pair.now for pair in pairs])),
        change=figures.signed(mean),
        interval=figures.interval(max(low, -1.0), min(high, 1.0), "score", 1.0),
        step=-1 if high < 0.0 else 1 if low > 0.0 else 0,
    )
