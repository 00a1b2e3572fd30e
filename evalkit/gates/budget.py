"""`[gates.cost]` and `[gates.tokens]`: what an answer may cost, and how much more than before.

Costs are the target's, at the run's pinned price table; the judge's calls are not in them. Caps are
compared exactly, outside the Holm family; increases by the ratio of sums over paired cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from evalkit.gates.limits import CONFIDENCE, MAX_EXCLUDED, MAX_MISSING, ROUNDING, SHOWN_CASES
from evalkit.gates.protocol import Measurement
from evalkit.gates.verdict import conclude
from evalkit.gates.wording import count, increase, listed, percent
from evalkit.observations import repeats_of
from evalkit.records import Answer, BaselineCase, Check, Comparison, Outcome, Run, Verdict
from evalkit.stats.paired import mean_of
from evalkit.stats.ratio import ratio_lower_bound, ratio_of_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Something that is spent: how to read it from an answer or a baseline, and to write it."""

    name: str
    of_answer: Callable[[Answer], float]
    of_baseline: Callable[[BaselineCase], Sequence[float]]
    show: Callable[[float], str]


USD = Quantity(
    name="cost",
    of_answer=lambda answer: answer.cost.usd,
    of_baseline=lambda case: case.usd,
    show=lambda usd: f"${usd:.3g}",
)
INPUT_TOKENS = Quantity(
    name="input tokens",
    of_answer=lambda answer: answer.usage.input_tokens,
    of_baseline=lambda case: case.input_tokens,
    show=lambda tokens: f"{tokens:,.0f} input tokens",
)
OUTPUT_TOKENS = Quantity(
    name="output tokens",
    of_answer=lambda answer: answer.usage.output_tokens,
    of_baseline=lambda case: case.output_tokens,
    show=lambda tokens: f"{tokens:,.0f} output tokens",
)
TOKENS = Quantity(
    name="tokens",
    of_answer=lambda answer: answer.usage.input_tokens + answer.usage.output_tokens,
    of_baseline=lambda case: [
        i + o for i, o in zip(case.input_tokens, case.output_tokens, strict=True)
    ],
    show=lambda tokens: f"{tokens:,.0f} tokens",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostGate:
    """A rule on dollars: a mean a case, a sum a run, an increase over the baseline (0.1: 10 %)."""

    kind: ClassVar[str] = "cost"

    name: str
    max_usd_per_case: float | None = None
    max_usd_per_run: float | None = None
    max_increase: float | None = None

    def __post_init__(self) -> None:
        _require_limits(self, ("max_usd_per_case", "max_usd_per_run", "max_increase"))

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """None: caps and cost ratios are outside the family."""
        return ()

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The worst of the checks declared."""
        return conclude(self.name, list(self._checks(measurement)))

    def _checks(self, measurement: Measurement) -> Iterator[Check]:
        if self.max_usd_per_case is not None:
            yield check_mean(measurement.run, USD, self.max_usd_per_case)
        if self.max_usd_per_run is not None:
            yield check_sum(measurement.run, USD, self.max_usd_per_run)
        if self.max_increase is not None:
            yield check_increase(measurement, USD, self.max_increase)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGate:
    """A rule on tokens: means a case, a sum a run (input and output), an increase of either."""

    kind: ClassVar[str] = "tokens"

    name: str
    max_input_per_case: float | None = None
    max_output_per_case: float | None = None
    max_per_run: int | None = None
    max_increase: float | None = None

    def __post_init__(self) -> None:
        _require_limits(
            self, ("max_input_per_case", "max_output_per_case", "max_per_run", "max_increase")
        )

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """None: caps and ratios are outside the family."""
        return ()

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The worst of the checks declared."""
        return conclude(self.name, list(self._checks(measurement)))

    def _checks(self, measurement: Measurement) -> Iterator[Check]:
        if self.max_input_per_case is not None:
            yield check_mean(measurement.run, INPUT_TOKENS, self.max_input_per_case)
        if self.max_output_per_case is not None:
            yield check_mean(measurement.run, OUTPUT_TOKENS, self.max_output_per_case)
        if self.max_per_run is not None:
            yield check_sum(measurement.run, TOKENS, self.max_per_run)
        if self.max_increase is not None:
            yield check_increase(measurement, INPUT_TOKENS, self.max_increase)
            yield check_increase(measurement, OUTPUT_TOKENS, self.max_increase)


def _require_limits(gate: object, names: Sequence[str]) -> None:
    limits = {name: getattr(gate, name) for name in names}
    if all(limit is None for limit in limits.values()):
        raise ValueError(f"a budget needs at least one of {', '.join(names)}")
    for name, limit in limits.items():
        # `not (… and …)`: NaN must be refused.
        if limit is not None and not (math.isfinite(limit) and limit >= 0):
            raise ValueError(f"{name} must be finite and not negative, got {limit}")


# ── what was spent ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What each answered case took, a mean over its repeats; `total` is over all answers."""

    by_case: Mapping[str, float]
    total: float
    unanswered: tuple[str, ...]

    @property
    def why_invalid(self) -> str:
        """Why so little was answered that nothing follows, or nothing."""
        n = len({*self.by_case, *self.unanswered})
        if n and len(self.unanswered) / n <= MAX_MISSING:
            return ""
        return (
            f"{len(self.unanswered)} of {count(n, 'case')} without an answer "
            f"({listed(self.unanswered)}); at most {percent(MAX_MISSING)} may be missing"
        )


def spending(run: Run, quantity: Quantity) -> Spending:
    """What the run's answers took of a quantity."""
    answers = {
        (trial.case_id, trial.repeat): quantity.of_answer(trial.outcome)
        for trial in run.trials
        if isinstance(trial.outcome, Answer)
    }
    by_case: dict[str, float] = {}
    unanswered: list[str] = []
    for case in run.cases:
        spent = [answers[key] for r in repeats_of(run) if (key := (case.id, r)) in answers]
        if spent:
            by_case[case.id] = mean_of(spent)
        if len(spent) < len(repeats_of(run)):
            unanswered.append(case.id)
    return Spending(
        by_case=by_case, total=math.fsum(answers.values()), unanswered=tuple(unanswered)
    )


def check_mean(run: Run, quantity: Quantity, limit: float) -> Check:
    """The mean over cases against a cap: a fact, so there is no INCONCLUSIVE."""
    spent = spending(run, quantity)
    kind = f"{quantity.name} per case"
    if spent.why_invalid:
        return Check(kind=kind, outcome="ERROR", reason=spent.why_invalid)
    mean = mean_of(list(spent.by_case.values()))
    within = mean <= limit + ROUNDING
    verb = "within" if within else "above"
    return Check(
        kind=kind,
        outcome="PASS" if within else "FAIL",
        reason=f"{quantity.show(mean)} per case, {verb} {quantity.show(limit)}",
        cases=() if within else _dearest(spent.by_case),
    )


def check_sum(run: Run, quantity: Quantity, limit: float) -> Check:
    """The run's sum against a cap; unanswered trials can only have made it smaller."""
    spent = spending(run, quantity)
    kind = f"{quantity.name} per run"
    if not spent.total <= limit + ROUNDING:
        reason = f"{quantity.show(spent.total)} per run, above {quantity.show(limit)}"
        return Check(kind=kind, outcome="FAIL", reason=reason, cases=_dearest(spent.by_case))
    if spent.why_invalid:
        return Check(kind=kind, outcome="ERROR", reason=spent.why_invalid)
    reason = f"{quantity.show(spent.total)} per run, within {quantity.show(limit)}"
    return Check(kind=kind, outcome="PASS", reason=reason)


def _dearest(by_case: Mapping[str, float]) -> tuple[str, ...]:
    order = sorted(by_case, key=lambda case_id: (-by_case[case_id], case_id))
    return tuple(order[:SHOWN_CASES])


# ── more than before ─────────────────────────────────────────────────────────────────────────────


def check_increase(measurement: Measurement, quantity: Quantity, max_increase: float) -> Check:
    """The ratio of sums over paired cases against 1 + `max_increase`.

    FAIL where the ratio exceeds it and its one-sided 95 % lower bound exceeds 1; INCONCLUSIVE where
    only the ratio does; PASS where it does not. A baseline that spent nothing passes a run that
    spends nothing and fails any other, because every increase from 0 is too large.
    """
    return ratio_check(
        measurement, quantity, 1.0 + max_increase, kind=f"{quantity.name} increase", certain=1.0
    )


def ratio_check(
    measurement: Measurement,
    quantity: Quantity,
    limit: float,
    *,
    kind: str,
    certain: float | None = None,
) -> Check:
    """The ratio of sums over paired cases, now to before, against `limit`.

    PASS at or below it, FAIL above it where the one-sided 95 % lower bound exceeds `certain` (the
    limit unless given), INCONCLUSIVE between.
    """
    baseline = measurement.baseline
    if baseline is None:
        reason = measurement.baseline_problem or "there is no baseline to compare with"
        return Check(kind=kind, outcome="ERROR", reason=reason)
    now = spending(measurement.run, quantity)
    before = {case.id: mean_of(v) for case in baseline.cases if (v := quantity.of_baseline(case))}
    shared = [case_id for case_id in now.by_case if case_id in before]
    present = {case.id for case in measurement.run.cases}
    excluded = sorted(present ^ before.keys())
    invalid = now.why_invalid
    if not invalid and not len(excluded) / len(present | before.keys()) <= MAX_EXCLUDED:
        invalid = f"{len(excluded)} cases only now or only in the baseline; rebaseline"
    if invalid:
        return Check(kind=kind, outcome="ERROR", reason=invalid)
    pairs = [(i, now.by_case[i], before[i]) for i in shared]
    return _check_ratio(kind, quantity, pairs, limit, limit if certain is None else certain)


def _check_ratio(
    kind: str,
    quantity: Quantity,
    pairs: Sequence[tuple[str, float, float]],
    limit: float,
    certain: float,
) -> Check:
    """The check over (case, now, before)."""
    if len(pairs) < 2:
        reason = f"{count(len(pairs), 'paired case')} cannot show an increase"
        return Check(kind=kind, outcome="INCONCLUSIVE", reason=reason)
    spent_now = math.fsum(now for _, now, _ in pairs)
    spent_before = math.fsum(before for _, _, before in pairs)
    n = len(pairs)
    means = f"{quantity.show(spent_before / n)} → {quantity.show(spent_now / n)} per case"
    cases = tuple(i for grown, i in sorted((b - a, i) for i, a, b in pairs) if grown < 0.0)
    cases = cases[:SHOWN_CASES]
    if spent_before == 0.0:
        if spent_now == 0.0 and limit < 1.0:
            reason = f"no {quantity.name} before, none now: nothing that could be saved"
            return Check(kind=kind, outcome="ERROR", reason=reason)
        if spent_now == 0.0:
            return Check(kind=kind, outcome="PASS", reason=f"no {quantity.name} before, none now")
        reason = f"no {quantity.name} in the baseline: {means}, over {count(n, 'paired case')}"
        return Check(kind=kind, outcome="FAIL", reason=reason, cases=cases)
    ratio = ratio_of_sums([now for _, now, _ in pairs], [before for _, _, before in pairs])
    low = ratio_lower_bound(ratio, CONFIDENCE)
    change = f"{means}, {increase(ratio.value)}"
    facts = f"at least {increase(low)} (95 %), {count(n, 'paired case')}"
    allowed = f"allowed {increase(limit)}"
    outcome: Outcome = "PASS"
    reason = f"{change}; {allowed}"
    if not ratio.value <= limit + ROUNDING:
        outcome = "FAIL" if low > certain else "INCONCLUSIVE"
        reason = f"{change} ({facts}); {allowed}"
    return Check(kind=kind, outcome=outcome, reason=reason, cases=cases, ratio=ratio.value)
