"""`[gates.cost]` and `[gates.tokens]`: what an answer may cost, and how much more than before.

Costs are the target's, at the run's pinned price table; the judge's calls are not in them. Caps are
compared exactly, outside the Holm family; increases by the ratio of sums over paired cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from evalkit.gates.limits import CONFIDENCE, ROUNDING, SHOWN_CASES
from evalkit.gates.protocol import Measurement
from evalkit.gates.requests import check_requests
from evalkit.gates.spending import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    TOKENS,
    USD,
    Quantity,
    SpentPair,
    logged,
    spending,
    spent_pairs,
)
from evalkit.gates.verdict import conclude
from evalkit.gates.wording import count, increase
from evalkit.records import Answer, Check, Comparison, Outcome, Run, Verdict
from evalkit.stats.paired import lower_bound, mean_of, sample_mean
from evalkit.stats.ratio import ratio_lower_bound, ratio_of_sums

NOTED_SHARE = 0.5
"""Of the allowed increase: a typical case's sure increase above this is told on a PASS, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostGate:
    """A rule on dollars: a mean a case, a sum a run, an increase over the baseline (0.1: 10 %).

    `max_usd_per_request` caps each single answer: one above it fails. Where the price table changed
    and the generator did not, dollars are not compared: another price is no regression.
    """

    kind: ClassVar[str] = "cost"

    name: str
    max_usd_per_case: float | None = None
    max_usd_per_run: float | None = None
    max_usd_per_request: float | None = None
    max_increase: float | None = None

    def __post_init__(self) -> None:
        _require_limits(
            self,
            ("max_usd_per_case", "max_usd_per_run", "max_usd_per_request", "max_increase"),
        )

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
        if self.max_usd_per_request is not None:
            yield check_requests(measurement.run, USD, self.max_usd_per_request)
        if self.max_increase is not None:
            yield _check_dearer(measurement, self.max_increase)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGate:
    """A rule on tokens: means a case, a sum a run (input and output), an increase of either.

    `max_input_tokens_per_request` and `max_output_tokens_per_request` cap each single answer.
    """

    kind: ClassVar[str] = "tokens"

    name: str
    max_input_per_case: float | None = None
    max_output_per_case: float | None = None
    max_per_run: int | None = None
    max_input_tokens_per_request: int | None = None
    max_output_tokens_per_request: int | None = None
    max_increase: float | None = None

    def __post_init__(self) -> None:
        _require_limits(
            self,
            (
                "max_input_per_case",
                "max_output_per_case",
                "max_per_run",
                "max_input_tokens_per_request",
                "max_output_tokens_per_request",
                "max_increase",
            ),
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
        for quantity, limit in (
            (INPUT_TOKENS, self.max_input_tokens_per_request),
            (OUTPUT_TOKENS, self.max_output_tokens_per_request),
        ):
            if limit is not None:
                yield check_requests(measurement.run, quantity, limit)
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


# ── caps ─────────────────────────────────────────────────────────────────────────────────────────


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
        reason=f"{quantity.beside(mean, limit)} per case, {verb} {quantity.show(limit)}",
        cases=() if within else _dearest(spent.by_case),
    )


def check_sum(run: Run, quantity: Quantity, limit: float) -> Check:
    """The run's sum against a cap; unanswered trials can only have made it smaller."""
    spent = spending(run, quantity)
    kind = f"{quantity.name} per run"
    if not spent.total <= limit + ROUNDING:
        total = quantity.beside(spent.total, limit)
        reason = f"{total} per run, above {quantity.show(limit)}"
        return Check(kind=kind, outcome="FAIL", reason=reason, cases=_dearest(spent.by_case))
    if spent.why_invalid:
        return Check(kind=kind, outcome="ERROR", reason=spent.why_invalid)
    reason = f"{quantity.show(spent.total)} per run, within {quantity.show(limit)}"
    return Check(kind=kind, outcome="PASS", reason=reason)


def _dearest(by_case: Mapping[str, float]) -> tuple[str, ...]:
    order = sorted(by_case, key=lambda case_id: (-by_case[case_id], case_id))
    return tuple(order[:SHOWN_CASES])


# ── more than before ─────────────────────────────────────────────────────────────────────────────


def _check_dearer(measurement: Measurement, max_increase: float) -> Check:
    """The check on dollars, or, where only the price table changed, what tokens say of them.

    At one price for input and one for output the ratio of costs lies between those of their tokens:
    where both keep the limit so do dollars, where both break it dollars do. Between, nothing is
    known; nor is what a provider's own prompt cache makes of the input.
    """
    baseline = measurement.baseline
    made = measurement.run.fingerprint
    was = baseline.fingerprint if baseline else made
    if was.price_table == made.price_table or was.generator != made.generator:
        return check_increase(measurement, USD, max_increase)
    parts = [check_increase(measurement, q, max_increase) for q in (INPUT_TOKENS, OUTPUT_TOKENS)]
    outcomes = {part.outcome for part in parts}
    outcome: Outcome = outcomes.pop() if len(outcomes) == 1 else "INCONCLUSIVE"
    if "ERROR" in {part.outcome for part in parts}:
        outcome = "ERROR"
    text = (
        f"the price table changed ({was.price_table} → {made.price_table}), so dollars are not "
        "compared, tokens are: "
    )
    return Check(
        kind="cost increase",
        outcome=outcome,
        reason=text + "; ".join(dict.fromkeys(part.reason for part in parts)),
        cases=next((part.cases for part in parts if part.outcome == outcome), ()),
    )


def check_increase(measurement: Measurement, quantity: Quantity, max_increase: float) -> Check:
    """The ratio of sums over paired cases against 1 + `max_increase`.

    FAIL where the ratio exceeds it and its one-sided 95 % lower bound exceeds 1; INCONCLUSIVE where
    only the ratio does; PASS where it does not. A baseline that spent nothing passes a run that
    spends nothing and fails any other, because every increase from 0 is too large. A few large
    cases decide a ratio of sums: where it is within the limit, the reason tells of an increase of
    the typical case that the sum does not show.
    """
    kind = f"{quantity.name} increase"
    check = ratio_check(measurement, quantity, 1.0 + max_increase, kind=kind, certain=1.0)
    note = _typical(measurement, quantity, max_increase) if check.outcome == "PASS" else ""
    return replace(check, reason=check.reason + note)


def _typical(measurement: Measurement, quantity: Quantity, max_increase: float) -> str:
    """What the paired t on logarithms adds: an increase that most cases share, or nothing.

    It finds a uniform increase that the ratio of sums loses among a few dear cases
    (`research/gating-statistics.md` §1.11), and decides nothing: a bill is a sum.
    """
    if not _always_some(measurement, quantity):
        return ""  # what took nothing has no logarithm
    pairs, _ = spent_pairs(measurement, logged(quantity, least=math.ulp(0.0)))
    # A PASS has at least two clusters.
    changes = [pair.now - pair.before for pair in pairs]
    sample = sample_mean(changes, [pair.cluster for pair in pairs])
    low, value = math.exp(lower_bound(sample, CONFIDENCE)), math.exp(sample.mean)
    if not (low > 1.0 and value > 1.0 + NOTED_SHARE * max_increase):
        return ""
    return f"; case by case it rose by {increase(value)} (at least {increase(low)}, 95 %)"


def _always_some(measurement: Measurement, quantity: Quantity) -> bool:
    """Whether each answer, now and before, took more than nothing."""
    answers = (trial.outcome for trial in measurement.run.trials)
    now = (quantity.of_answer(answer) for answer in answers if isinstance(answer, Answer))
    cases = measurement.baseline.cases if measurement.baseline else ()
    before = (value for case in cases for value in quantity.of_baseline(case))
    return all(value > 0.0 for value in (*now, *before))


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
    pairs, invalid = spent_pairs(measurement, quantity)
    if invalid:
        return Check(kind=kind, outcome="ERROR", reason=invalid)
    return _check_ratio(kind, quantity, pairs, limit, limit if certain is None else certain)


def _check_ratio(
    kind: str, quantity: Quantity, pairs: Sequence[SpentPair], limit: float, certain: float
) -> Check:
    n = len(pairs)
    if len({pair.cluster for pair in pairs}) < 2:
        reason = f"{count(n, 'paired case')} of one cluster cannot show an increase"
        return Check(kind=kind, outcome="INCONCLUSIVE", reason=reason)
    spent_now = math.fsum(pair.now for pair in pairs)
    spent_before = math.fsum(pair.before for pair in pairs)
    means = f"{quantity.show(spent_before / n)} → {quantity.show(spent_now / n)} per case"
    grown = sorted((pair.before - pair.now, pair.case_id) for pair in pairs)
    cases = tuple(case_id for less, case_id in grown if less < 0.0)[:SHOWN_CASES]
    if spent_before == 0.0:
        return _check_from_nothing(kind, quantity, pairs, limit, means)
    ratio = ratio_of_sums(
        [pair.now for pair in pairs],
        [pair.before for pair in pairs],
        [pair.cluster for pair in pairs],
    )
    low = ratio_lower_bound(ratio, CONFIDENCE)
    change = f"{means}, {increase(ratio.value, beside=limit)}"
    facts = f"at least {increase(low, beside=certain)} (95 %), {count(n, 'paired case')}"
    allowed = f"allowed {increase(limit)}"
    outcome: Outcome = "PASS"
    reason = f"{change}; {allowed}"
    if not ratio.value <= limit + ROUNDING:
        outcome = "FAIL" if low > certain else "INCONCLUSIVE"
        reason = f"{change} ({facts}); {allowed}"
    return Check(kind=kind, outcome=outcome, reason=reason, cases=cases, ratio=ratio.value)


def _check_from_nothing(
    kind: str, quantity: Quantity, pairs: Sequence[SpentPair], limit: float, means: str
) -> Check:
    """The check where the baseline spent nothing, so that there is no ratio."""
    cases = tuple(sorted(pair.case_id for pair in pairs if pair.now > 0.0))
    if cases:
        n = count(len(pairs), "paired case")
        reason = f"no {quantity.name} in the baseline: {means}, over {n}"
        return Check(kind=kind, outcome="FAIL", reason=reason, cases=cases[:SHOWN_CASES])
    if limit < 1.0:
        reason = f"no {quantity.name} before, none now: nothing that could be saved"
        return Check(kind=kind, outcome="ERROR", reason=reason)
    return Check(kind=kind, outcome="PASS", reason=f"no {quantity.name} before, none now")
