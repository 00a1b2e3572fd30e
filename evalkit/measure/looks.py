"""What need not be judged: scores that the baseline holds, and cases that a verdict does not need.

Both only where the judge costs calls. An answer (or its passages) that is the baseline's to the
byte has the baseline's score. The cases of a gated metric are judged in looks, in a seeded order,
until the gates on it are settled; `evalkit.gates.sequential` says when, and decides the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.baselines import answer_digest, passages_digest
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Measurement, Promise
from evalkit.gates.sequential import looks_of, ordered, settled
from evalkit.metrics.protocol import Metric, judged_on
from evalkit.observations import recorded
from evalkit.plan import Past, Plan
from evalkit.records import (
    Answer,
    BaselineCase,
    Case,
    Looks,
    Run,
    Score,
    Stop,
    Trial,
    Unscored,
)
from evalkit.stats.paired import mean_of

_DIGESTS: Mapping[str, tuple[Callable[[Answer], str], Callable[[BaselineCase], tuple[str, ...]]]]
_DIGESTS = {
    "answer": (answer_digest, lambda case: case.answers),
    "passages": (passages_digest, lambda case: case.passages),
}
"""How what a judge is shown is identified: of an answer now, and in the baseline."""


ANCHORS = 20
"""Cases whose answer is judged although its score is known: a judge that changed under its old name
shows there, and would pass unseen where only changed answers are judged. The first of the seeded
order, so that every first look holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The scores of a baseline, by what the judge was shown for them."""

    cases: Mapping[str, BaselineCase]
    anchors: frozenset[str] = frozenset()

    @classmethod
    def of(cls, past: Past | None) -> Known:
        """Those of the past; none without one."""
        if past is None:
            return cls(cases={})
        cases = {case.id: case for case in past.baseline.cases}
        return cls(cases=cases, anchors=anchors_of(past))

    def score(self, metric: Metric, case: Case, trial: Trial) -> Score | None:
        """The score that the judge need not be asked for; None where it must be, as for anchors."""
        if case.id in self.anchors and judged_on(metric) == "answer":
            return None
        before = self.cases.get(case.id)
        if before is None:
            return None
        return known_score(before, trial, metric.name, shown=judged_on(metric))


def anchors_of(past: Past) -> frozenset[str]:
    """The cases that stay with the judge even where it was shown the same before."""
    return frozenset(ordered(past.seed, [case.id for case in past.baseline.cases])[:ANCHORS])


def known_score(before: BaselineCase, trial: Trial, metric: str, *, shown: str) -> Score | None:
    """The mean over the baseline's epochs that showed the judge just this; None where none did.

    `shown` is what the metric's judge is shown, an answer or passages; any other is never known.
    Several epochs may have shown the same and a judge have scored it differently: their mean is the
    best estimate, and pairs an unchanged answer with itself.
    """
    digests = _DIGESTS.get(shown)
    if digests is None or not isinstance(trial.outcome, Answer):
        return None
    digest, kept = digests
    now = digest(trial.outcome)
    values, then = dict(before.scores).get(metric, ()), kept(before)
    if len(values) != len(then):  # an epoch has no score: which value is whose is not known
        return None
    same = [value for value, digest_then in zip(values, then, strict=True) if digest_then == now]
    if not same:
        return None
    return Score(
        case_id=trial.case_id,
        repeat=trial.repeat,
        metric=metric,
        value=mean_of(same),
        known=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One metric judged in looks: its cases in seeded order, and how many each look holds."""

    metric: Metric
    cases: tuple[Case, ...]
    sizes: tuple[int, ...]

    def due(self, look: int) -> tuple[Case, ...]:
        """The cases that look `look`, from 1, adds to those before."""
        begin = self.sizes[look - 2] if look > 1 else 0
        return self.cases[begin : self.sizes[look - 1]]

    def stop(self, look: int) -> Stop:
        """The end of judging at a look."""
        return _stop(self.metric.name, [case.id for case in self.cases], self.sizes, look)


def _stop(metric: str, order: Sequence[str], sizes: tuple[int, ...], look: int) -> Stop:
    return Stop(metric=metric, sizes=sizes, look=look, spared=tuple(order[sizes[look - 1] :]))


def schedules(plan: Plan, past: Past | None) -> dict[str, Schedule]:
    """The metrics of a plan that are judged in looks, by name."""
    if past is None or not past.looks:
        return {}
    found: dict[str, Schedule] = {}
    for metric in plan.metrics:
        if judged_on(metric) and _is_for_metric_gates_alone(metric.name, plan.promise):
            cases = {case.id: case for case in plan.dataset.cases if metric.applies_to(case)}
            sizes = looks_of(len(cases))
            if sizes:
                order = tuple(cases[case_id] for case_id in ordered(past.seed, cases))
                found[metric.name] = Schedule(metric=metric, cases=order, sizes=sizes)
    return found


def _is_for_metric_gates_alone(metric: str, promise: Promise) -> bool:
    """Whether gates decide on the metric, each of them a rule on its mean against the baseline."""
    about = [gate for gate in promise.gates if _subject(gate) == metric]
    return bool(about) and all(isinstance(gate, MetricGate) and gate.compare for gate in about)


def _subject(gate: object) -> str:
    """The metric a gate is about; of other gates their own name, which no metric has."""
    if isinstance(gate, MetricGate):
        return gate.measured
    return str(getattr(gate, "metric", "") or getattr(gate, "name", ""))


def is_settled(
    schedule: Schedule,
    look: int,
    *,
    plan: Plan,
    past: Past,
    trials: Sequence[Trial],
    scores: Sequence[Score | Unscored],
) -> bool:
    """Whether the gates on a metric need no case after this look, by what is judged so far."""
    so_far = Run(
        schema_version=0,
        evalkit_version="",
        commit="",
        started_at="",
        duration_s=0.0,
        purpose="",
        fingerprint=plan.fingerprint,
        cases=plan.dataset.cases,
        trials=tuple(trials),
        scores=tuple(scores),
    )
    return _is_settled(schedule.stop(look), so_far, promise=plan.promise, past=past)


def _is_settled(stop: Stop, run: Run, *, promise: Promise, past: Past) -> bool:
    """The same of a run with these scores or more, had judging the metric ended with `stop`."""
    name, spared = stop.metric, frozenset(stop.spared)
    so_far = replace(
        run,
        scores=tuple([s for s in run.scores if s.metric == name and s.case_id not in spared]),
        looks=Looks(seed=past.seed, tests=past.tests, stops=(stop,)),
    )
    measurement = Measurement(
        run=so_far,
        estimates=(),
        baseline=past.baseline,
        judged_on=dict(promise.judged_on),
        tests=past.tests,
    )
    gates = [g for g in promise.gates if isinstance(g, MetricGate) and g.measured == name]
    return settled(gates, measurement, name)


# ── a run that was judged whole ──────────────────────────────────────────────────────────────────


def ended(run: Run, promise: Promise, past: Past) -> Run:
    """What an engine with this past would have left of a run of one repeat that was judged whole.

    Each metric that is judged in looks keeps the scores of the looks it takes. Nothing is known
    beforehand here: scores that the baseline holds are the caller's to put in place.
    """
    if not past.looks:
        return run
    order = ordered(past.seed, [case.id for case in run.cases])
    stops = tuple(
        [
            stop
            for name, on in promise.judged_on
            if on and _is_for_metric_gates_alone(name, promise)
            if (stop := _last_look(name, order, run, promise=promise, past=past)) is not None
        ]
    )
    if not stops:
        return run
    spared = {(stop.metric, case_id) for stop in stops for case_id in stop.spared}
    return replace(
        run,
        scores=tuple([s for s in run.scores if (s.metric, s.case_id) not in spared]),
        looks=Looks(seed=past.seed, tests=past.tests, stops=stops),
    )


def _last_look(
    metric: str, order: Sequence[str], run: Run, *, promise: Promise, past: Past
) -> Stop | None:
    """Where judging the metric would have ended; None where it has one look."""
    asked = recorded(run, metric)
    cases = [case_id for case_id in order if case_id in asked]
    sizes = looks_of(len(cases))
    for look in range(1, len(sizes)):
        stop = _stop(metric, cases, sizes, look)
        if _is_settled(stop, run, promise=promise, past=past):
            return stop
    return _stop(metric, cases, sizes, len(sizes)) if sizes else None
