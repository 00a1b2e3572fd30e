"""What a metric observed, case by case: the view that estimates and gates share.

A metric applies to a case when the run holds a score, or the reason for its absence, for that case;
a trial that failed and left no record at all counts as missing for every metric, because nothing
shows that it was not meant to be measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
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
        return tuple(score.value for score in self.scores)

    @property
    def mean(self) -> float:
        """The mean over the repeats that were scored; there must be at least one."""
        return mean_of(self.values)

    def imputed(self, value: float) -> float:
        """The mean over all repeats, with `value` in place of each missing score."""
        return mean_of((*self.values, *(value for _ in range(self.n_missing))))


def cluster_of(case: Case) -> str:
    """The label of the case's cluster; a case without one is its own."""
    return f"cluster {case.cluster}" if case.cluster else f"case {case.id}"


def repeats_of(run: Run) -> range:
    """The repeats every case should have: as many as any case has."""
    return range(1 + max((trial.repeat for trial in run.trials), default=0))


def observe(run: Run, metric: str, *, also: Collection[str] = ()) -> tuple[Observation, ...]:
    """Every case the metric applies to, in the run's order.

    `also` names cases that it is known to apply to from elsewhere, such as a baseline: of those,
    an absent score is a missing one.
    """
    records: dict[str, dict[int, Score | None]] = defaultdict(dict)
    recorded: set[tuple[str, int]] = set()
    for item in run.scores:
        recorded.add((item.case_id, item.repeat))
        if item.metric == metric:
            score = item if isinstance(item, Score) else None
            records[item.case_id].setdefault(item.repeat, score)
    lost = {
        trial.case_id
        for trial in run.trials
        if isinstance(trial.outcome, Failure) and (trial.case_id, trial.repeat) not in recorded
    }
    repeats = repeats_of(run)
    found: list[Observation] = []
    for case in run.cases:
        if case.id in records or case.id in lost or case.id in also:
            by_repeat = [records[case.id].get(repeat) for repeat in repeats]
            scores = tuple(score for score in by_repeat if score is not None)
            found.append(
                Observation(
                    case_id=case.id,
                    cluster=cluster_of(case),
                    scores=scores,
                    n_missing=len(repeats) - len(scores),
                )
            )
    return tuple(found)
