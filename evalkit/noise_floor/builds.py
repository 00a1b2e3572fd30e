"""Builds in which nothing changed, put together from the epochs of one run.

Each epoch in turn is the candidate and the others are its baseline. More such builds are drawn:
clusters with replacement, and for each drawn cluster the epoch that is its candidate. One epoch for
all clusters would take what that epoch happened to differ by for the truth, and would find false
alarms in it that no gate has made.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit import baselines
from evalkit.errors import DataError, Problem
from evalkit.gates.protocol import Measurement
from evalkit.observations import cluster_of, repeats_of
from evalkit.records import (
    Answer,
    Baseline,
    BaselineCase,
    Case,
    Cost,
    Passage,
    Run,
    Score,
    Trial,
    Unscored,
    Usage,
)

FEWEST_EPOCHS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One case with one of its epochs held out: what the candidate has, what the baseline has."""

    case: Case
    trials: tuple[Trial, ...]
    scores: tuple[Score | Unscored, ...]
    before: BaselineCase

    def copy(self, number: int) -> _Side:
        """The same under another name, for a case that is drawn again."""
        name = f"{self.case.id}~{number}"
        cluster = f"{self.case.cluster}~{number}" if self.case.cluster else ""
        return _Side(
            case=replace(self.case, id=name, cluster=cluster),
            trials=tuple(replace(trial, case_id=name) for trial in self.trials),
            scores=tuple(replace(score, case_id=name) for score in self.scores),
            before=replace(self.before, id=name, cluster=cluster),
        )


class Builds:
    """Unchanged builds from a run of several repeats.

    `of` is a measurement of the run as the project would make it; the run and the baseline in it
    are replaced, everything else (calibrations, lane) is kept. Raises `DataError` for a run of
    fewer than two repeats, or without a case.
    """

    def __init__(self, of: Measurement) -> None:
        run = of.run
        self.epochs = len(repeats_of(run))
        problems = []
        if self.epochs < FEWEST_EPOCHS:
            what = "noise is measured between epochs: it takes at least 2 repeats"
            problems.append(Problem(where="the run", what=what, value=str(self.epochs)))
        if not run.cases:
            problems.append(Problem(where="the run", what="it has no cases"))
        if problems:
            raise DataError(problems)
        self._of = replace(of, baseline_problem="", release=None, release_problem="", rivals=())
        clusters: dict[str, list[str]] = defaultdict(list)
        for case in run.cases:
            clusters[cluster_of(case)].append(case.id)
        self._clusters = tuple(tuple(members) for members in clusters.values())
        self._heads = tuple(_without(run, epoch) for epoch in range(self.epochs))
        self._sides = _sides(run, self._heads)
        self._copies: dict[tuple[str, int, int], _Side] = {}

    @property
    def n_clusters(self) -> int:
        """Clusters of the run; a case without one is its own."""
        return len(self._clusters)

    def direct(self) -> Iterator[Measurement]:
        """Each epoch against the others, all cases as they are."""
        for epoch in range(self.epochs):
            sides = [self._sides[case.id, epoch] for case in self._of.run.cases]
            yield self._build(epoch, sides)

    def drawn(self, builds: int, *, seed: int) -> Iterator[Measurement]:
        """As many builds as asked for, drawn with the seed."""
        chance = random.Random(seed)
        for _ in range(builds):
            times: Counter[int] = Counter()
            sides = []
            for _ in self._clusters:
                chosen = chance.randrange(len(self._clusters))
                epoch = chance.randrange(self.epochs)
                sides += [self._side(i, epoch, times[chosen]) for i in self._clusters[chosen]]
                times[chosen] += 1
            yield self._build(0, sides)

    def _side(self, case_id: str, epoch: int, number: int) -> _Side:
        side = self._sides[case_id, epoch]
        if not number:
            return side
        key = (case_id, epoch, number)
        if key not in self._copies:
            self._copies[key] = side.copy(number)
        return self._copies[key]

    def _build(self, epoch: int, sides: Sequence[_Side]) -> Measurement:
        run = replace(
            self._of.run,
            cases=tuple(side.case for side in sides),
            trials=tuple(trial for side in sides for trial in side.trials),
            scores=tuple(score for side in sides for score in side.scores),
            looks=None,
        )
        baseline = replace(self._heads[epoch], cases=tuple(side.before for side in sides))
        return replace(self._of, run=run, estimates=(), baseline=baseline)


def _without(run: Run, epoch: int) -> Baseline:
    """The other epochs, as a baseline."""

    def before(repeat: int) -> int:
        return repeat - (repeat > epoch)

    trials = [replace(t, repeat=before(t.repeat)) for t in run.trials if t.repeat != epoch]
    scores = [replace(s, repeat=before(s.repeat)) for s in run.scores if s.repeat != epoch]
    return baselines.reduced(replace(run, trials=tuple(trials), scores=tuple(scores), looks=None))


def _sides(run: Run, heads: Sequence[Baseline]) -> dict[tuple[str, int], _Side]:
    trials: dict[tuple[str, int], list[Trial]] = defaultdict(list)
    scores: dict[tuple[str, int], list[Score | Unscored]] = defaultdict(list)
    for trial in run.trials:
        trials[trial.case_id, trial.repeat].append(replace(trial, repeat=0))
    for score in run.scores:
        scores[score.case_id, score.repeat].append(replace(score, repeat=0))
    cases = {case.id: case for case in run.cases}
    return {
        (before.id, epoch): _Side(
            case=cases[before.id],
            trials=tuple(trials[before.id, epoch]),
            scores=tuple(scores[before.id, epoch]),
            before=before,
        )
        for epoch, head in enumerate(heads)
        for before in head.cases
    }


def run_of(baseline: Baseline, cases: Sequence[Case] = ()) -> Run:
    """The epochs of a baseline as the repeats of a run. Digests stand where it holds no texts.

    `cases` are those of its dataset, as far as they are known: gates may ask what a case expects.
    """
    epochs = range(baseline.epochs)
    known = {case.id: case for case in cases}
    return Run(
        schema_version=baseline.schema_version,
        evalkit_version=baseline.evalkit_version,
        commit=baseline.commit,
        started_at=baseline.promoted_at,
        duration_s=0.0,
        purpose=baseline.because,
        fingerprint=baseline.fingerprint,
        cases=tuple(
            known.get(case.id, Case(id=case.id, input=case.id, cluster=case.cluster))
            for case in baseline.cases
        ),
        trials=tuple(
            Trial(case_id=case.id, repeat=epoch, outcome=_answer(case, epoch))
            for case in baseline.cases
            for epoch in epochs
        ),
        scores=tuple(
            Score(case_id=case.id, repeat=epoch, metric=metric, value=value)
            for case in baseline.cases
            for metric, values in case.scores
            for epoch, value in enumerate(values)
        ),
    )


def _answer(case: BaselineCase, epoch: int) -> Answer:
    return Answer(
        text=case.answers[epoch] if case.answers else "",
        passages=tuple(
            Passage(document_id="", chunk_id="", text=digest, rank=1, similarity=0.0)
            for digest in case.passages[epoch : epoch + 1]
        ),
        usage=Usage(input_tokens=case.input_tokens[epoch], output_tokens=case.output_tokens[epoch]),
        cost=Cost(usd=case.usd[epoch]),
        latency_s=case.latency_s[epoch] if case.latency_s else 0.0,
    )
