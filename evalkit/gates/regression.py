"""The check that a metric did not drop against a baseline, paired by case (design §8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import variance

from evalkit.gates import instrument
from evalkit.gates.evidence import (
    Goal,
    Repeats,
    Size,
    bound_below,
    can_test,
    compare,
    outcome_unless_missing_decides,
    price_of_family,
    stopped_early,
    too_many_missing,
)
from evalkit.gates.limits import (
    ALPHA,
    FEW_CASES,
    FEW_CASES_CHANGED,
    MAX_EXCLUDED,
    ROUNDING,
    SHOWN_CASES,
)
from evalkit.gates.pairing import Pair, Pairing, changed_share, pair, shown_the_same
from evalkit.gates.protocol import Measurement
from evalkit.gates.sequential import Course, at_look, walk
from evalkit.gates.wording import count, listed, p_value, percent, score, sizes
from evalkit.records import Check, Comparison, Outcome
from evalkit.stats.paired import mean_of

SHOWN_CHANGE = 0.0005
"""The smallest change that three decimals show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The drop that may pass (`margin`), and the smallest that may fail (`min_effect`).

    `judged` says that the margin is in the judge's units: a true drop times the judge's J.
    """

    margin: float
    min_effect: float
    judged: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.margin <= 1.0:
            raise ValueError(f"margin must be above 0 and at most 1, got {self.margin}")
        # A drop between margin and min_effect could neither pass nor fail, at any n.
        if not 0.0 <= self.min_effect <= self.margin:
            raise ValueError(
                f"min_effect must be within [0, margin = {self.margin}], got {self.min_effect}"
            )


# ── the test ─────────────────────────────────────────────────────────────────────────────────────


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


def drop_of(
    measurement: Measurement,
    metric: str,
    *,
    tolerance: Tolerance,
    size: Size,
    course: Course | None = None,
) -> Comparison | None:
    """The test for a drop, as far as there is one: once, or in the looks of `course`."""
    if shown_the_same(measurement, metric):
        return None
    pairing = pair(measurement, metric)
    if course is None:
        pairs = pairing.scored
        return drop_test(metric, pairs) if can_test([p.after for p in pairs]) else None

    def test(ids: Collection[str], is_last: bool) -> Comparison | None:
        part = pairing.within(ids)
        pairs = part.scored
        unfit = part.n_missing or size.shortfall([p.after.cluster for p in pairs])
        if not can_test([p.after for p in pairs]) or (unfit and not is_last):
            return None
        return drop_test(metric, pairs)

    return walk(course, among=pairing.ids, test=test, decide=lambda test: _decide(test, tolerance))


# ── the check ────────────────────────────────────────────────────────────────────────────────────


def check_regression(
    measurement: Measurement,
    metric: str,
    tested: Comparison | None,
    *,
    tolerance: Tolerance,
    size: Size,
    course: Course | None = None,
) -> Check:
    """The check, from the test that `drop_of` made and the build adjusted.

    FAIL needs evidence of a drop that matters, PASS needs evidence that no drop beyond the margin
    happened. A measurement that cannot carry either is an ERROR or INCONCLUSIVE, never a PASS.
    """
    pairing = pair(measurement, metric)
    invalid = _why_invalid(measurement, metric, pairing)
    if invalid:
        return Check(kind="regression", outcome="ERROR", reason=invalid, comparison=tested)
    if shown_the_same(measurement, metric):
        return _same(measurement, metric, pairing)
    total = len(pairing.ids)
    if tested is not None and tested.look and course is not None:
        pairing = pairing.within(course.within(tested.look))
    outcome, reason = _weigh(pairing, metric, tested, tolerance=tolerance, size=size)
    if outcome == "PASS":
        weak = instrument.weakness(measurement, metric, tolerance.margin)
        if weak and not tolerance.judged:
            outcome, reason = "INCONCLUSIVE", f"{reason}; {weak}"
    reason += _circumstances(measurement, metric, pairing, tested, outcome=outcome, total=total)
    cases = _largest_drops(pairing.scored)
    return Check(kind="regression", outcome=outcome, reason=reason, comparison=tested, cases=cases)


def _weigh(
    pairing: Pairing,
    metric: str,
    tested: Comparison | None,
    *,
    tolerance: Tolerance,
    size: Size,
) -> tuple[Outcome, str]:
    """What the numbers alone come to, and in words."""
    short = size.shortfall([p.after.cluster for p in pairing.scored])
    if short:
        return "INCONCLUSIVE", f"too little evidence to compare: {short}"
    if tested is None:
        return "ERROR", "was not tested against the baseline"
    if pairing.spared and not tested.look:
        return "INCONCLUSIVE", stopped_early(len(pairing.pairs), len(pairing.spared))
    outcome, doubt = outcome_unless_missing_decides(
        tested,
        pairing.n_missing,
        decide=lambda test: _decide(test, tolerance),
        imputed=lambda value: drop_test(metric, pairing.pairs, value),
    )
    return outcome, doubt or _explain(tested, tolerance, pairing.scored)


def _same(measurement: Measurement, metric: str, pairing: Pairing) -> Check:
    """The check of a metric whose judge was shown what it was shown for the baseline."""
    cases = "the one case" if len(pairing.ids) == 1 else f"all {len(pairing.ids)} cases"
    reason = f"the passages are the baseline's in {cases}"
    pairs = pairing.scored
    tested = drop_test(metric, pairs) if can_test([p.after for p in pairs]) else None
    if tested is not None and abs(tested.delta) >= SHOWN_CHANGE:
        reason += f"; the judge scored them {score(tested.delta)} differently"
    reason += _excluded(pairing) + _noted(measurement)
    return Check(kind="regression", outcome="PASS", reason=reason, comparison=tested)


def _why_invalid(measurement: Measurement, metric: str, pairing: Pairing) -> str:
    """Why nothing can be compared, or nothing."""
    if measurement.baseline is None:
        return measurement.baseline_problem or "there is no baseline to compare with"
    if not pairing.pairs:
        return f"no case has a score of {metric} both now and in the baseline; promote a new one"
    n_excluded = len(pairing.new) + len(pairing.removed)
    if not n_excluded / (n_excluded + len(pairing.ids)) <= MAX_EXCLUDED:
        return (
            f"{_excluded(pairing).removeprefix('; ')}: more than {percent(MAX_EXCLUDED)} of the "
            "cases cannot be compared; rebaseline"
        )
    return too_many_missing([p.after for p in pairing.pairs])


def _decide(test: Comparison, tolerance: Tolerance) -> Outcome:
    # Each comparison is false for NaN, so a number that went wrong ends in INCONCLUSIVE.
    if test.p_adjusted <= ALPHA and test.delta <= -tolerance.min_effect + ROUNDING:
        return "FAIL"
    return "PASS" if bound_below(test) > -tolerance.margin else "INCONCLUSIVE"


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def _explain(test: Comparison, tolerance: Tolerance, pairs: Sequence[Pair]) -> str:
    by, (low, high) = "did not change", (test.low, test.high)
    if test.delta >= SHOWN_CHANGE:
        by = f"rose by {score(test.delta)}"
    elif test.delta <= -SHOWN_CHANGE:
        drop = score(-test.delta, beside=tolerance.min_effect)
        by, (low, high) = f"dropped by {drop}", (-test.high, -test.low)
    rule = "sequential" if test.look else "Holm"
    facts = f"(95 % [{score(low)}, {score(high)}], {rule} {p_value(test.p_adjusted)}"
    text = f"{by} {facts}, {sizes(test, 'paired case')})"
    match _decide(test, tolerance):
        case "FAIL":
            return text
        case "PASS":
            ruled_out = f"a drop of {tolerance.margin:g} is ruled out"
            if test.p_adjusted <= ALPHA:
                return f"{text}: real, but below min_effect {tolerance.min_effect:g}; {ruled_out}"
            return f"{text}; {ruled_out}"
    possible = score(-bound_below(test), beside=tolerance.margin)
    text += f"; a drop of {possible} is not ruled out"
    return text if test.look < test.looks else text + _advice(test, tolerance, pairs)


def _advice(test: Comparison, tolerance: Tolerance, pairs: Sequence[Pair]) -> str:
    """What would decide, were the change to stay what it is: cases, or repeats of each."""
    goals = [Goal(distance=test.delta + tolerance.margin, level=test.pass_level)]
    if test.delta <= -tolerance.min_effect:
        goals.append(Goal(distance=-test.delta, level=ALPHA / price_of_family(test)))
    # One of the two is there: margin ≥ min_effect, so a change below −margin is below −min_effect.
    nearest = min((goal for goal in goals if goal.distance > 0.0), key=lambda g: g.cases(test))
    return nearest.advice(test, _repeats(pairs))


def _repeats(pairs: Sequence[Pair]) -> Repeats:
    """How much a case varies between runs of one build, by the baseline's epochs."""
    spread = [variance(p.epochs) for p in pairs if len(p.epochs) > 1]
    return Repeats(
        variance=mean_of(spread) if spread else 0.0,
        now=max(len(p.after.scores) for p in pairs),
        before=max(len(p.epochs) for p in pairs),
    )


def _circumstances(
    measurement: Measurement,
    metric: str,
    pairing: Pairing,
    tested: Comparison | None,
    *,
    outcome: Outcome,
    total: int,
) -> str:
    """What a reader must know beside the numbers: looks, few cases, the judge, the baseline."""
    pairs = pairing.scored
    said = at_look(tested, outcome, total) if tested else ""
    if outcome == "PASS":
        said += _few(measurement, pairing, total)
    now, before = [p.after.mean for p in pairs], [p.before for p in pairs]
    said += instrument.monotony(measurement, metric, now, before)
    if tested is not None:
        said += instrument.remark(measurement, metric, tested.smallest_detectable)
    return said + _excluded(pairing) + _noted(measurement)


def _few(measurement: Measurement, pairing: Pairing, total: int) -> str:
    """That so few cases say little of others like them; more are wanted where answers changed."""
    if total < FEW_CASES:
        return f"; n is small: {count(total, 'case')}, {FEW_CASES} are advised"
    if total < FEW_CASES_CHANGED and changed_share(measurement, pairing.ids) > 0.5:
        return (
            f"; n is small: {count(total, 'case')}, {FEW_CASES_CHANGED} are advised where most "
            "answers changed"
        )
    return ""


def _noted(measurement: Measurement) -> str:
    return f"; {measurement.baseline_note}" if measurement.baseline_note else ""


def _largest_drops(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """The cases that dropped most, worst first."""
    drops = sorted((p.after.mean - p.before, p.after.case_id) for p in pairs)
    return tuple([case_id for delta, case_id in drops if delta < -ROUNDING][:SHOWN_CASES])


def _excluded(pairing: Pairing) -> str:
    """The cases that only one side has, in words."""
    sides = (("new", pairing.new), ("removed", pairing.removed))
    told = ", ".join(
        f"{count(len(ids), f'{name} case')} ({listed(ids)})" for name, ids in sides if ids
    )
    return f"; {told}" if told else ""
