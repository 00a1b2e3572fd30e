"""The check that a metric did not drop against the baseline, paired by case (design §8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.gates.evidence import (
    Size,
    bound_below,
    cases_to_show,
    compare,
    outcome_unless_missing_decides,
    price_of_family,
    too_many_missing,
)
from evalkit.gates.limits import ALPHA, MAX_EXCLUDED, ROUNDING, SHOWN_CASES
from evalkit.gates.protocol import Measurement
from evalkit.gates.wording import count, listed, p_value, percent, score, sizes
from evalkit.observations import Observation, observe
from evalkit.records import Check, Comparison, Outcome
from evalkit.stats.paired import mean_of

SHOWN_CHANGE = 0.0005
"""The smallest change that three decimals show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The drop that may pass (`margin`), and the smallest that may fail (`min_effect`)."""

    margin: float
    min_effect: float

    def __post_init__(self) -> None:
        if not 0.0 < self.margin <= 1.0:
            raise ValueError(f"margin must be above 0 and at most 1, got {self.margin}")
        # A drop between margin and min_effect could neither pass nor fail, at any n.
        if not 0.0 <= self.min_effect <= self.margin:
            raise ValueError(
                f"min_effect must be within [0, margin = {self.margin}], got {self.min_effect}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case in both run and baseline; `before` is the mean over the baseline's epochs."""

    before: float
    after: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What can be compared, and the ids that only one side has."""

    pairs: tuple[Pair, ...]
    new: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def scored(self) -> tuple[Pair, ...]:
        """The pairs with at least one score now."""
        return tuple(pair for pair in self.pairs if pair.after.scores)

    @property
    def n_missing(self) -> int:
        """Scores that these pairs lack now."""
        return sum(pair.after.n_missing for pair in self.pairs)


def pair(measurement: Measurement, metric: str) -> Pairing:
    """Run and baseline, by case id, where the metric applies; no baseline leaves every case new."""
    baseline = measurement.baseline.cases if measurement.baseline else ()
    before = {
        case.id: mean_of(values)
        for case in baseline
        for name, values in case.scores
        if name == metric and values
    }
    after = observe(measurement.run, metric, also=before.keys())
    present = {observation.case_id for observation in after}
    return Pairing(
        pairs=tuple(Pair(before=before[o.case_id], after=o) for o in after if o.case_id in before),
        new=tuple(o.case_id for o in after if o.case_id not in before),
        removed=tuple(case_id for case_id in before if case_id not in present),
    )


def drop_test(metric: str, pairs: Sequence[Pair], missing_as: float | None = None) -> Comparison:
    """The test for a drop over these pairs; missing scores are left out, or set to a value.

    Raises `ValueError` where too few are left to test.
    """
    return compare(
        metric,
        "regression",
        now=[p.after.mean if missing_as is None else p.after.imputed(missing_as) for p in pairs],
        reference=[p.before for p in pairs],
        clusters=[p.after.cluster for p in pairs],
    )


def check_regression(
    measurement: Measurement,
    metric: str,
    tested: Comparison | None,
    *,
    tolerance: Tolerance,
    size: Size,
) -> Check:
    """The check, from the test that `drop_test` made and the build adjusted.

    FAIL needs evidence of a drop that matters, PASS needs evidence that no drop beyond the margin
    happened. A measurement that cannot carry either is an ERROR or INCONCLUSIVE, never a PASS.
    """
    pairing = pair(measurement, metric)
    invalid = _why_invalid(measurement, metric, pairing)
    if invalid:
        return Check(kind="regression", outcome="ERROR", reason=invalid, comparison=tested)
    cases = _largest_drops(pairing.scored)
    short = size.shortfall([p.after.cluster for p in pairing.scored])
    if short:
        outcome: Outcome = "INCONCLUSIVE"
        reason = f"too little evidence to compare: {short}"
    elif tested is None:
        outcome, reason = "ERROR", "was not tested against the baseline"
    else:
        outcome, doubt = outcome_unless_missing_decides(
            tested,
            pairing.n_missing,
            decide=lambda test: _decide(test, tolerance),
            imputed=lambda value: drop_test(metric, pairing.pairs, value),
        )
        reason = doubt or _explain(tested, tolerance)
    if pairing.new or pairing.removed:
        reason += f"; {_excluded(pairing)}"
    return Check(kind="regression", outcome=outcome, reason=reason, comparison=tested, cases=cases)


def _why_invalid(measurement: Measurement, metric: str, pairing: Pairing) -> str:
    """Why nothing can be compared, or nothing."""
    if measurement.baseline is None:
        return measurement.baseline_problem or "there is no baseline to compare with"
    if not pairing.pairs:
        return f"no case has a score of {metric} both now and in the baseline; promote a new one"
    n_excluded = len(pairing.new) + len(pairing.removed)
    if not n_excluded / (n_excluded + len(pairing.pairs)) <= MAX_EXCLUDED:
        return (
            f"{_excluded(pairing)}: more than {percent(MAX_EXCLUDED)} of the cases cannot be "
            "compared; rebaseline"
        )
    return too_many_missing([p.after for p in pairing.pairs])


def _decide(test: Comparison, tolerance: Tolerance) -> Outcome:
    # Each comparison is false for NaN, so a number that went wrong ends in INCONCLUSIVE.
    if test.p_adjusted <= ALPHA and test.delta <= -tolerance.min_effect + ROUNDING:
        return "FAIL"
    return "PASS" if bound_below(test) > -tolerance.margin else "INCONCLUSIVE"


def _explain(test: Comparison, tolerance: Tolerance) -> str:
    by, (low, high) = "did not change", (test.low, test.high)
    if test.delta >= SHOWN_CHANGE:
        by = f"rose by {score(test.delta)}"
    elif test.delta <= -SHOWN_CHANGE:
        by, (low, high) = f"dropped by {score(-test.delta)}", (-test.high, -test.low)
    facts = f"(95 % [{score(low)}, {score(high)}], Holm {p_value(test.p_adjusted)}"
    text = f"{by} {facts}, {sizes(test, 'paired case')})"
    match _decide(test, tolerance):
        case "FAIL":
            return text
        case "PASS":
            ruled_out = f"a drop of {tolerance.margin:g} is ruled out"
            if test.p_adjusted <= ALPHA:
                return f"{text}: real, but below min_effect {tolerance.min_effect:g}; {ruled_out}"
            return f"{text}; {ruled_out}"
    return (
        f"{text}; a drop of {score(-bound_below(test))} is not ruled out{_advice(test, tolerance)}"
    )


def _advice(test: Comparison, tolerance: Tolerance) -> str:
    """The number of cases that would decide, were the change to stay what it is."""
    passing = cases_to_show(test.delta + tolerance.margin, test)
    failing = None
    if test.delta <= -tolerance.min_effect:
        failing = cases_to_show(-test.delta, test, level=ALPHA / price_of_family(test))
    # One of the two is there: margin ≥ min_effect, so a change below −margin is below −min_effect.
    needed = min(n for n in (passing, failing) if n is not None)
    return f"; about {needed} cases would decide"


def _largest_drops(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """The cases that dropped most, worst first."""
    drops = sorted((p.after.mean - p.before, p.after.case_id) for p in pairs)
    return tuple(case_id for delta, case_id in drops if delta < -ROUNDING)[:SHOWN_CASES]


def _excluded(pairing: Pairing) -> str:
    """The cases that only one side has, in words."""
    sides = (("new", pairing.new), ("removed", pairing.removed))
    return ", ".join(
        f"{count(len(ids), f'{name} case')} ({listed(ids)})" for name, ids in sides if ids
    )
