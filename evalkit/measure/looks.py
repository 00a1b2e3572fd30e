"""What need not be judged: scores that the baseline holds, and cases that a verdict does not need.

Both only where the judge costs calls. An answer (or its passages) that is the baseline's to the
byte has the baseline's score. The cases of a gated metric are judged in looks, in a seeded order,
until the gates on it are settled; `evalkit.gates.sequential` says when, and decides the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalkit.baselines import answer_digest, passages_digest
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Measurement
from evalkit.gates.sequential import looks_of, ordered, settled
from evalkit.metrics.protocol import Metric, judged_on
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
        return cls(cases=cases, anchors=frozenset(ordered(past.seed, cases)[:ANCHORS]))

    def score(self, metric: Metric, case: Case, trial: Trial) -> Score | None:
        """The mean over the baseline's epochs that showed the judge just this; None where none did.

        Several epochs may have shown the same and a judge have scored it differently: their mean is
        the best estimate, and pairs an unchanged answer with itself.
        """
        before = self.cases.get(case.id)
        digests = _DIGESTS.get(judged_on(metric))
        if before is None or digests is None or not isinstance(trial.outcome, Answer):
            return None
        if case.id in self.anchors and judged_on(metric) == "answer":
            return None
        digest, kept = digests
        shown = digest(trial.outcome)
        values = dict(before.scores).get(metric.name, ())
        same = [value for value, then in zip(values, kept(before), strict=False) if then == shown]
        if not same:
            return None
        return Score(
            case_id=case.id,
            repeat=trial.repeat,
            metric=metric.name,
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
        left = self.cases[self.sizes[look - 1] :]
        return Stop(
            metric=self.metric.name,
            sizes=self.sizes,
            look=look,
            spared=tuple(case.id for case in left),
        )


def schedules(plan: Plan, past: Past | None) -> dict[str, Schedule]:
    """The metrics of a plan that are judged in looks, by name."""
    if past is None or not past.looks:
        return {}
    found: dict[str, Schedule] = {}
    for metric in plan.metrics:
        if judged_on(metric) and _is_for_metric_gates_alone(metric, plan):
            cases = {case.id: case for case in plan.dataset.cases if metric.applies_to(case)}
            sizes = looks_of(len(cases))
            if sizes:
                order = tuple(cases[case_id] for case_id in ordered(past.seed, cases))
                found[metric.name] = Schedule(metric=metric, cases=order, sizes=sizes)
    return found


def _is_for_metric_gates_alone(metric: Metric, plan: Plan) -> bool:
    """Whether gates decide on the metric, each of them a rule on its mean against the baseline."""
    about = [gate for gate in plan.promise.gates if _subject(gate) == metric.name]
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
    stop = schedule.stop(look)
    spared = set(stop.spared)
    name = schedule.metric.name
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
        scores=tuple(s for s in scores if s.metric == name and s.case_id not in spared),
        looks=Looks(seed=past.seed, tests=past.tests, stops=(stop,)),
    )
    measurement = Measurement(
        run=so_far,
        estimates=(),
        baseline=past.baseline,
        judged_on=dict(plan.promise.judged_on),
        tests=past.tests,
    )
    gates = [g for g in plan.promise.gates if isinstance(g, MetricGate) and g.measured == name]
    return settled(gates, measurement, name)
