"""`evalkit noise`: how often a suite's own gates turn red although nothing changed (A/A).

It does not prove what an edited prompt will do: between epochs of one build only run noise shows,
and an edit answers every case anew. Nor is it the false-alarm rate on other cases than these.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from evalkit import baselines, comparing, journal, pipeline, scope
from evalkit.gates.coverage import CoverageGate
from evalkit.gates.decide import DeclaresTests, decide_build
from evalkit.gates.limits import ALPHA
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Gate, Measurement, Promise
from evalkit.gates.versus import SavingGate, VersusGate
from evalkit.metrics.protocol import Metric, judged_on
from evalkit.noise_floor.builds import Builds, Sparing
from evalkit.noise_floor.spread import Spread, judged_twice, of_run
from evalkit.observations import repeats_of
from evalkit.plan import IN_PROCESS, Effort, Plan
from evalkit.records import Answer, Case, Outcome, Run, Saved, Score
from evalkit.stats.exact import rate_interval

EPOCHS, BUILDS, SEED = 6, 2000, 20261122
TOO_MANY = 0.10
"""False alarms above which a gate is not fit to stop builds; `research/gating-statistics.md` §6."""

NOT_OF_TWO_RUNS = (CoverageGate, SavingGate, VersusGate)
"""Gates that compare nothing with the baseline of their own suite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What one gate, or all together, said of unchanged builds: drawn ones, and one an epoch."""

    gate: str
    drawn: tuple[tuple[Outcome, int], ...]
    epochs: tuple[Outcome, ...]

    @property
    def builds(self) -> int:
        """Builds that were drawn."""
        return sum(times for _, times in self.drawn)

    def share(self, outcome: Outcome) -> float:
        """How many of the drawn builds ended so."""
        return dict(self.drawn).get(outcome, 0) / self.builds if self.builds else 0.0

    @property
    def false_alarms(self) -> tuple[float, float]:
        """The 95 % interval of the share of FAIL; what it leaves open is the drawing, not the data.

        Source: Clopper & Pearson (1934), see `evalkit.stats.exact`.
        """
        return rate_interval(dict(self.drawn).get("FAIL", 0), self.builds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What the judge was asked for in drawn builds, where it costs calls.

    `scores` are those of the metrics that ask it, `known` those that the baseline had, `spared`
    those that no gate needed any more. A score is one question to the judge or several.
    """

    scores: int
    known: int
    spared: int

    def share(self, some: int) -> float:
        """Some of the scores, as a share."""
        return some / self.scores if self.scores else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The noise floor of one suite: its gates' false alarms, its metrics' spreads.

    `alike` is the share of cases that were answered alike in all epochs. `family` is the number of
    tests that share the error rate of a build, `own` those of them that are asked here; the others
    were taken never to find anything. `margins` are the suite's own, by metric; a metric without a
    spread could not be tested. `calls` is None where the judge costs none.
    """

    suite: str
    profile: str
    epochs: int
    n: int
    n_clusters: int
    seed: int
    alike: float
    family: int
    own: int
    build: Alarms
    gates: tuple[Alarms, ...]
    spreads: tuple[Spread, ...]
    margins: tuple[tuple[str, float], ...]
    calls: Calls | None = None

    @property
    def noisy(self) -> tuple[Alarms, ...]:
        """The gates, or the build, that are red too often; the build only where no gate is."""
        gates = tuple(gate for gate in self.gates if gate.share("FAIL") > TOO_MANY)
        return gates or ((self.build,) if self.build.share("FAIL") > TOO_MANY else ())

    @property
    def level(self) -> float:
        """The error rate that each test is sure to have."""
        return ALPHA / max(1, self.family)


def noise_floor(
    run: Run,
    promise: Promise,
    *,
    builds: int = BUILDS,
    seed: int = SEED,
    again: Sequence[Score] = (),
    judge_costs: bool = False,
    family: int = 0,
) -> Floor:
    """The noise floor of a run of several repeats, under the gates of its suite.

    `again` are scores of a second judging of the same answers, one a case and metric. With
    `judge_costs` builds are judged as a pull request is: what the baseline knows is not asked for,
    and metrics are judged in looks. `family` is the number of tests in a build, by
    `comparing.family_size`; 0 stands for those of this promise alone. Raises `DataError` for a run
    of fewer than two repeats.
    """
    gates = tuple(gate for gate in promise.gates if not isinstance(gate, NOT_OF_TWO_RUNS))
    own = sum(gate.family_size for gate in gates if isinstance(gate, DeclaresTests))
    family = family or comparing.family_size([promise])
    spared = judge_costs and promise.lane == "pr"
    # With the project's calibrations, as the gate has them in a build.
    made = Builds(
        comparing.compare(run, promise, among={}, tests=family),
        gates=gates,
        sparing=Sparing(promise=promise, tests=family) if spared else None,
    )
    judged = frozenset(metric for metric, on in promise.judged_on if on) if spared else frozenset()
    direct, _ = _decided(gates, made.direct(), others=family - own, judged=judged)
    drawn, calls = _decided(
        gates, made.drawn(builds, seed=seed), others=family - own, judged=judged
    )
    compared = [gate for gate in gates if isinstance(gate, MetricGate) and gate.compare]
    margins = {gate.measured: gate.margin for gate in compared}
    spreads = [found for name in margins if (found := of_run(run, name)) is not None]
    return Floor(
        suite=run.fingerprint.suite,
        profile=run.fingerprint.profile,
        epochs=made.epochs,
        n=len(run.cases),
        n_clusters=made.n_clusters,
        seed=seed,
        alike=answered_alike(run),
        family=family,
        own=own,
        build=_alarms("any of them", 0, direct, drawn),
        gates=tuple(
            _alarms(gate.name, place, direct, drawn) for place, gate in enumerate(gates, start=1)
        ),
        spreads=tuple(_with_judge(found, run, again) for found in spreads),
        margins=tuple(margins.items()),
        calls=calls if calls.scores else None,
    )


def _decided(
    gates: Sequence[Gate], builds: Iterable[Measurement], *, others: int, judged: Collection[str]
) -> tuple[list[tuple[Outcome, ...]], Calls]:
    """A row a build: its outcome, then its gates' in order. Without a gate there is no row.

    And what all builds together asked the judge for by the `judged` metrics.
    """
    rows: list[tuple[Outcome, ...]] = []
    made = known = spared = 0
    for build in builds if gates else ():
        (decision,) = decide_build([(gates, build)], others=others)
        rows.append((decision.outcome, *(verdict.outcome for verdict in decision.verdicts)))
        if judged:
            of_judge = [score for score in build.run.scores if score.metric in judged]
            made += len(of_judge)
            known += sum(isinstance(score, Score) and score.known for score in of_judge)
            stops = build.run.looks.stops if build.run.looks else ()
            spared += sum(len(stop.spared) for stop in stops)
    return rows, Calls(scores=made + spared, known=known, spared=spared)


def _alarms(
    name: str,
    place: int,
    direct: Sequence[tuple[Outcome, ...]],
    drawn: Sequence[tuple[Outcome, ...]],
) -> Alarms:
    return Alarms(
        gate=name,
        drawn=tuple(sorted(Counter(row[place] for row in drawn).items())),
        epochs=tuple(row[place] for row in direct),
    )


def answered_alike(run: Run) -> float:
    """The share of cases whose answers and passages are the same to the byte in all repeats."""
    digests: dict[str, set[str]] = {case.id: set() for case in run.cases}
    for trial in run.trials:
        outcome = trial.outcome
        known = baselines.answer_digest(outcome) if isinstance(outcome, Answer) else "failed"
        digests[trial.case_id].add(known)
    return sum(len(found) == 1 for found in digests.values()) / len(digests)


def _with_judge(found: Spread, run: Run, again: Sequence[Score]) -> Spread:
    first = {
        (score.case_id, score.metric): score.value
        for score in run.scores
        if isinstance(score, Score) and score.repeat == 0
    }
    pairs = [
        (first[key], score.value)
        for score in again
        if score.metric == found.metric and (key := (score.case_id, score.metric)) in first
    ]
    return judged_twice(found, pairs) if pairs else found


# ── measuring ────────────────────────────────────────────────────────────────────────────────────


def measured(plan: Plan, *, place: journal.Place, effort: Effort) -> tuple[Run, tuple[Score, ...]]:
    """Fresh epochs of a suite, and a second judging of the answers of the first.

    Whatever surrounds the plan's calls must not be cached, or the second is the first.
    """
    run = pipeline.measure(plan, place=place, effort=effort)
    return run, asyncio.run(_judged_again(plan, run, at_once=effort.concurrency))


def saved(run: Run, promise: Promise) -> Saved:
    """The run as it is kept: with what its suite's gates say of all its epochs together."""
    (decision,) = decide_build([(promise.gates, comparing.compare(run, promise, among={}))])
    return Saved(run=run, decision=decision)


async def _judged_again(plan: Plan, run: Run, *, at_once: int | None) -> tuple[Score, ...]:
    """Scores of the first epoch's answers by the metrics that ask the judge.

    A score that cannot be made is left out: the variance is that of the others.
    """
    room = asyncio.Semaphore(at_once or max(IN_PROCESS, plan.remote.concurrency))
    cases = {case.id: case for case in run.cases}
    epoch = len(repeats_of(run))  # a draw of its own, also where replies are recorded

    async def score(metric: Metric, case: Case, answer: Answer) -> Score | None:
        async with room:
            with scope.opened(case.id, epoch, metric.name):
                try:
                    found = await metric.score(
                        case, answer, repeat=epoch, instruments=plan.instruments
                    )
                except Exception:  # noqa: BLE001  # a metric of a third party may raise anything
                    return None
        return found if isinstance(found, Score) else None

    try:
        made = await asyncio.gather(
            *(
                score(metric, cases[trial.case_id], trial.outcome)
                for metric in plan.metrics
                if judged_on(metric)
                for trial in run.trials
                if trial.repeat == 0
                and isinstance(trial.outcome, Answer)
                and metric.applies_to(cases[trial.case_id])
            )
        )
    finally:
        await plan.remote.close()
    return tuple(found for found in made if found is not None)
