"""Which judge calls a run did without: answers the baseline knew, gates that had decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from evalkit.records import Run, Score, Stop
from evalkit.report import figures

SPARED = "not judged: the gate had decided"
"""What stands beside a case whose answer nobody needed to judge."""
KNOWN = "the answer is the baseline's; its score too"
"""What stands beside a score that was taken from the baseline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsView:
    """`total` over all metrics, empty where nothing was saved; `metrics` a sentence each."""

    total: str
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spared:
    """One metric's scores: those it would have taken, and those no judge was asked for."""

    metric: str
    n: int
    known: int
    spared: int
    stop: Stop | None

    @property
    def saved(self) -> int:
        return self.known + self.spared


def savings_view(run: Run, *, judged: Collection[str]) -> SavingsView:
    """What was saved of the scores of the `judged` metrics; empty where each was asked for."""
    tried = Counter(score.metric for score in run.scores)
    known = Counter(s.metric for s in run.scores if isinstance(s, Score) and s.known)
    stops = {stop.metric: stop for stop in (run.looks.stops if run.looks is not None else ())}
    found = [
        _Spared(
            metric=metric,
            n=tried[metric] + (len(stop.spared) if stop is not None else 0),
            known=known[metric],
            spared=len(stop.spared) if stop is not None else 0,
            stop=stop,
        )
        for metric in dict.fromkeys((*tried, *stops))
        if (stop := stops.get(metric)) is not None or metric in known or metric in judged
    ]
    told = [item for item in found if item.stop is not None or item.known]
    return SavingsView(total=_total(found), metrics=tuple(map(_said, told)))


def _said(item: _Spared) -> str:
    """`faithfulness: decided at look 1 of 3; 50 of 100 cases judged, 30 known …`."""
    told = figures.plural(item.n, "score")
    if item.stop is not None:
        look, looks = item.stop.look, len(item.stop.sizes)
        ended = "decided at" if look < looks else "judged through"
        told = f"{ended} look {look} of {looks}; {item.n - item.spared} of {item.n} cases judged"
    if item.known:
        told += f", {item.known} known from the baseline"
    if not item.saved:
        return f"{item.metric}: {told}"
    share = _share(item.saved, item.n)
    anew = f"{item.n - item.saved} judged anew, {share} of judge calls saved"
    return f"{item.metric}: {told}: {anew}"


def _total(found: list[_Spared]) -> str:
    """Over all judged metrics, those included of which nothing was saved."""
    n, saved = sum(item.n for item in found), sum(item.saved for item in found)
    if not saved:
        return ""
    known, spared = sum(item.known for item in found), sum(item.spared for item in found)
    why = [f"{known} known from the baseline"] if known else []
    why += [f"{spared} after the gate had decided"] if spared else []
    return f"saved for {saved:,} of {n:,} scores ({_share(saved, n)}): {', '.join(why)}"


def _share(some: int, n: int) -> str:
    return f"{100 * some / n:.0f} %"
