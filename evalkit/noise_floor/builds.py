"""Builds in which nothing changed, put together from the epochs of one run.

Each epoch in turn is the candidate and the others are its baseline. More such builds are drawn:
clusters with replacement, and for each drawn cluster the epoch that is its candidate. One epoch for
all clusters would take what that epoch happened to differ by for the truth, and would find false
alarms in it that no gate has made.

Where the judge costs calls, a build is judged as a pull request is: scores that the baseline knows
are taken from it, and metrics end at the look that settles them, in an order of the build's own.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit import baselines, comparing
from evalkit.errors import DataError, Problem
from evalkit.gates.protocol import Gate, Measurement, Promise
from evalkit.measure.looks import anchors_of, ended, known_score
from evalkit.noise_floor.replays import drawn_replays, hits_of
from evalkit.observations import cluster_of, repeats_of
from evalkit.plan import Past
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
class Sparing:
    """How the builds of a promise are judged whose judge costs calls.

    `tests` is the size of a build's family.
    """

    promise: Promise
    tests: int

    def past(self, baseline: Baseline, *, seed: str) -> Past:
        """What an engine would know of the past of one build."""
        looks = comparing.has_looks(self.promise)
        return Past(baseline=baseline, looks=looks, tests=max(1, self.tests), seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One case with one of its epochs held out: what the candidate has, what the baseline has.

    `anchored` are the scores it has as an anchor, `scores` those it has else: they differ where the
    baseline knows the answer. `origin` is the case of the run that it is a draw of.
    """

    origin: str
    case: Case
    trials: tuple[Trial, ...]
    scores: tuple[Score | Unscored, ...]
    anchored: tuple[Score | Unscored, ...]
    before: BaselineCase

    def copy(self, number: int) -> _Side:
        """The same under another name, for a case that is drawn again."""
        name = f"{self.case.id}~{number}"
        cluster = f"{self.case.cluster}~{number}" if self.case.cluster else ""
        return _Side(
            origin=self.origin,
            case=replace(self.case, id=name, cluster=cluster),
            trials=tuple(replace(trial, case_id=name) for trial in self.trials),
            scores=tuple(replace(score, case_id=name) for score in self.scores),
            anchored=tuple(replace(score, case_id=name) for score in self.anchored),
            before=replace(self.before, id=name, cluster=cluster),
        )


class Builds:
    """Unchanged builds from a run of several repeats.

    `of` is a measurement of the run as the project would make it; the run and the baseline in it
    are replaced, everything else (calibrations, lane) is kept. `sparing` says how they are judged;
    without it each score is asked for. `gates` are those that will decide: some have new breaches
    replayed. Raises `DataError` for a run of fewer than two repeats, or without a case.
    """

    def __init__(
        self, of: Measurement, *, gates: Sequence[Gate] = (), sparing: Sparing | None = None
    ) -> None:
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
        self._gates = tuple(gates)
        self._hits = hits_of(run, gates)
        self._sparing = sparing
        known = dict(sparing.promise.judged_on) if sparing else {}
        self._sides = _sides(run, self._heads, known)
        self._copies: dict[tuple[str, int, int], _Side] = {}

    @property
    def n_clusters(self) -> int:
        """Clusters of the run; a case without one is its own."""
        return len(self._clusters)

    def direct(self) -> Iterator[Measurement]:
        """Each epoch against the others, all cases as they are."""
        for epoch in range(self.epochs):
            sides = [self._sides[case.id, epoch] for case in self._of.run.cases]
            yield self._build(epoch, sides, seed=f"epoch {epoch}")

    def drawn(self, builds: int, *, seed: int) -> Iterator[Measurement]:
        """As many builds as asked for, drawn with the seed."""
        chance = random.Random(seed)
        for number in range(builds):
            times: Counter[int] = Counter()
            sides = []
            for _ in self._clusters:
                chosen = chance.randrange(len(self._clusters))
                epoch = chance.randrange(self.epochs)
                sides += [self._side(i, epoch, times[chosen]) for i in self._clusters[chosen]]
                times[chosen] += 1
            yield self._build(0, sides, seed=f"{seed} {number}")

    def _side(self, case_id: str, epoch: int, number: int) -> _Side:
        side = self._sides[case_id, epoch]
        if not number:
            return side
        key = (case_id, epoch, number)
        if key not in self._copies:
            self._copies[key] = side.copy(number)
        return self._copies[key]

    def _build(self, epoch: int, sides: Sequence[_Side], *, seed: str) -> Measurement:
        baseline = replace(self._heads[epoch], cases=tuple(side.before for side in sides))
        past = self._sparing.past(baseline, seed=seed) if self._sparing else None
        anchors = anchors_of(past) if past else frozenset()
        run = replace(
            self._of.run,
            cases=tuple(side.case for side in sides),
            trials=tuple(trial for side in sides for trial in side.trials),
            scores=tuple(
                score
                for side in sides
                for score in (side.anchored if side.case.id in anchors else side.scores)
            ),
            looks=None,
            replays=(),
        )
        if self._sparing and past:
            run = ended(run, self._sparing.promise, past)
        if self._hits:
            replays = drawn_replays(
                run,
                baseline,
                self._gates,
                hits=self._hits,
                origin={side.case.id: side.origin for side in sides},
                chance=random.Random(f"replays of {seed}"),
            )
            run = replace(run, replays=replays)
        return replace(self._of, run=run, estimates=(), baseline=baseline)


def _without(run: Run, epoch: int) -> Baseline:
    """The other epochs, as a baseline."""

    def before(repeat: int) -> int:
        return repeat - (repeat > epoch)

    trials = [replace(t, repeat=before(t.repeat)) for t in run.trials if t.repeat != epoch]
    scores = [replace(s, repeat=before(s.repeat)) for s in run.scores if s.repeat != epoch]
    return baselines.reduced(replace(run, trials=tuple(trials), scores=tuple(scores), looks=None))


def _sides(
    run: Run, heads: Sequence[Baseline], judged_on: Mapping[str, str]
) -> dict[tuple[str, int], _Side]:
    """Every case with every epoch held out; `judged_on` are the metrics whose scores are known."""
    trials: dict[tuple[str, int], list[Trial]] = defaultdict(list)
    scores: dict[tuple[str, int], list[Score | Unscored]] = defaultdict(list)
    for trial in run.trials:
        trials[trial.case_id, trial.repeat].append(replace(trial, repeat=0))
    for score in run.scores:
        scores[score.case_id, score.repeat].append(replace(score, repeat=0))
    on_passages = {metric: on for metric, on in judged_on.items() if on != "answer"}
    cases = {case.id: case for case in run.cases}
    sides: dict[tuple[str, int], _Side] = {}
    for epoch, head in enumerate(heads):
        for before in head.cases:
            key = (before.id, epoch)
            sides[key] = _Side(
                origin=before.id,
                case=cases[before.id],
                trials=tuple(trials[key]),
                scores=_with_known(scores[key], trials[key], before, judged_on),
                anchored=_with_known(scores[key], trials[key], before, on_passages),
                before=before,
            )
    return sides


def _with_known(
    scores: Sequence[Score | Unscored],
    trials: Sequence[Trial],
    before: BaselineCase,
    judged_on: Mapping[str, str],
) -> tuple[Score | Unscored, ...]:
    """The scores, with the baseline's in the place of those that it knows."""

    def known(metric: str) -> Score | None:
        found = (known_score(before, t, metric, shown=judged_on.get(metric, "")) for t in trials)
        return next(filter(None, found), None)

    return tuple([known(score.metric) or score for score in scores])


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
