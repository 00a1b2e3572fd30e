"""What a metric observed, case by case: the view that estimates and gates share.

A metric applies to a case when the run holds a score, or the reason for its absence, for that case;
a trial that failed and left no record at all counts as missing for every metric, because nothing
shows that it was not meant to be measured. A case that was spared, because the metric's verdict
stood before it was judged, is not missing: it was not observed.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from evalkit.records import Case, Failure, Run, Score
from evalkit.stats.paired import mean_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One case under one metric: a score a repeat, and how many repeats gave none."""

    case_id: str
    cluster: str
    scores: tuple[Score, ...]
    n_missing: int

    @property
    def values(self) -> tuple[float, ...]:
        """The scores' values, by repeat."""
        return tuple([score.value for score in self.scores])

    @property
    def mean(self) -> float:
        """The mean over the repeats that were scored; there must be at least one."""
        scores = self.scores
        return scores[0].value if len(scores) == 1 else mean_of(self.values)

    def imputed(self, value: float) -> float:
        """The mean over all repeats, with `value` in place of each missing score."""
        return mean_of((*self.values, *(value for _ in range(self.n_missing))))


def cluster_of(case: Case) -> str:
    """The label of the case's cluster; a case without one is its own."""
    return f"cluster {case.cluster}" if case.cluster else f"case {case.id}"


def repeats_of(run: Run) -> range:
    """The repeats every case should have: as many as any case has."""
    return _records(run).repeats


def spared(run: Run, metric: str) -> frozenset[str]:
    """The cases that the metric never judged, because its verdict stood without them."""
    stop = run.looks.stop(metric) if run.looks else None
    return frozenset(stop.spared if stop else ())


def recorded(run: Run, metric: str) -> frozenset[str]:
    """The cases that the metric has a record for: a score, or why there is none."""
    return frozenset(_records(run).by_metric.get(metric, ()))


def observe(run: Run, metric: str, *, also: Collection[str] = ()) -> tuple[Observation, ...]:
    """Every case the metric applies to and that was not spared, in the run's order.

    `also` names cases that it is known to apply to from elsewhere, such as a baseline: of those,
    an absent score is a missing one.
    """
    records = _records(run)
    known = records.observed.get(metric)
    if known is None:
        known = records.observed[metric] = _observed(run, records, metric, ())
    # A baseline mostly names the cases that are there anyway.
    expected = set(also).difference(
        records.by_metric.get(metric, ()), records.lost, spared(run, metric)
    )
    return _observed(run, records, metric, expected) if expected else known


def _observed(
    run: Run, records: _Records, metric: str, also: Collection[str]
) -> tuple[Observation, ...]:
    scored = records.by_metric.get(metric, {})
    left_out = spared(run, metric)
    found: list[Observation] = []
    for case in run.cases:
        case_id = case.id
        by_repeat = scored.get(case_id)
        if by_repeat is None and case_id not in records.lost and case_id not in also:
            continue
        if case_id in left_out:
            continue
        scores = tuple(
            [score for r in records.repeats if (score := (by_repeat or {}).get(r)) is not None]
        )
        found.append(
            Observation(
                case_id=case_id,
                cluster=cluster_of(case),
                scores=scores,
                n_missing=len(records.repeats) - len(scores),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """A run's scores by metric, case and repeat (None: unscored); the cases that left no trace.

    `observed` fills with what was asked of each metric.
    """

    by_metric: Mapping[str, Mapping[str, Mapping[int, Score | None]]]
    lost: frozenset[str]
    repeats: range
    observed: dict[str, tuple[Observation, ...]]


_KEPT: dict[int, tuple[weakref.ref[Run], _Records]] = {}
"""The records of each run that is still in use: a build asks for them a dozen times a metric."""


def _records(run: Run) -> _Records:
    key = id(run)
    kept = _KEPT.get(key)
    if kept is None or kept[0]() is not run:
        kept = (weakref.ref(run, lambda _: _KEPT.pop(key, None)), _sorted_out(run))
        _KEPT[key] = kept
    return kept[1]


def _sorted_out(run: Run) -> _Records:
    by_metric: dict[str, dict[str, dict[int, Score | None]]] = {}
    for item in run.scores:
        score = item if isinstance(item, Score) else None
        of_case = by_metric.setdefault(item.metric, {}).setdefault(item.case_id, {})
        of_case.setdefault(item.repeat, score)  # the first of two; the coverage gate says so
    failed = [(t.case_id, t.repeat) for t in run.trials if isinstance(t.outcome, Failure)]
    lost = frozenset[str]()
    if failed:
        recorded = {(item.case_id, item.repeat) for item in run.scores}
        lost = frozenset(case_id for case_id, repeat in failed if (case_id, repeat) not in recorded)
    return _Records(
        by_metric=by_metric,
        lost=lost,
        repeats=range(1 + max((trial.repeat for trial in run.trials), default=0)),
        observed={},
    )
