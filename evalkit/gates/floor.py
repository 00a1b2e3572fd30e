"""The check that a metric's mean is not below what the suite promises, whatever it was before."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.gates.evidence import (
    Size,
    bound_below,
    cases_to_show,
    compare,
    outcome_unless_missing_decides,
    price_of_family,
    too_many_missing,
)
from evalkit.gates.limits import ALPHA, ROUNDING, SHOWN_CASES
from evalkit.gates.wording import p_value, score, sizes
from evalkit.observations import Observation
from evalkit.records import Check, Comparison, Outcome


def floor_test(
    metric: str,
    observations: Sequence[Observation],
    floor: float,
    missing_as: float | None = None,
) -> Comparison:
    """The test that the mean is below the floor; missing scores are left out, or set to a value.

    Raises `ValueError` where too few are left to test.
    """
    used = [o for o in observations if o.scores or missing_as is not None]
    return compare(
        metric,
        "floor",
        now=[o.mean if missing_as is None else o.imputed(missing_as) for o in used],
        reference=[floor for _ in used],
        clusters=[o.cluster for o in used],
    )


def check_floor(
    metric: str,
    observations: Sequence[Observation],
    tested: Comparison | None,
    *,
    floor: float,
    strict: bool,
    size: Size,
) -> Check:
    """FAIL where the mean is below the floor beyond doubt, PASS where it reaches it.

    `strict` asks for the reverse proof: PASS only where the mean is above the floor beyond doubt.
    """
    missing = too_many_missing(observations)
    if missing:
        return Check(kind="floor", outcome="ERROR", reason=missing, comparison=tested)
    scored = [o for o in observations if o.scores]
    short = size.shortfall([o.cluster for o in scored])
    if short:
        outcome: Outcome = "INCONCLUSIVE"
        reason = f"too little evidence for a floor: {short}"
    elif tested is None:
        outcome, reason = "ERROR", "was not tested against its floor"
    else:
        outcome, doubt = outcome_unless_missing_decides(
            tested,
            sum(o.n_missing for o in observations),
            decide=lambda test: _decide(test, strict),
            imputed=lambda value: floor_test(metric, observations, floor, value),
        )
        reason = doubt or _explain(tested, strict)
    lowest = sorted((o.mean, o.case_id) for o in scored)
    cases = tuple(case_id for mean, case_id in lowest if mean < floor)[:SHOWN_CASES]
    return Check(kind="floor", outcome=outcome, reason=reason, comparison=tested, cases=cases)


def _decide(test: Comparison, strict: bool) -> Outcome:
    # Each comparison is false for NaN, so a number that went wrong ends in INCONCLUSIVE.
    if test.p_adjusted <= ALPHA and test.delta < -ROUNDING:
        return "FAIL"
    reached = bound_below(test) if strict else test.delta
    return "PASS" if reached >= -ROUNDING else "INCONCLUSIVE"


def _explain(test: Comparison, strict: bool) -> str:
    text = (
        f"mean {score(test.now)} (95 % [{score(test.reference + test.low)}, "
        f"{score(test.reference + test.high)}], {sizes(test, 'case')})"
    )
    match _decide(test, strict):
        case "FAIL":
            return f"{text} is below the floor {test.reference:g} (Holm {p_value(test.p_adjusted)})"
        case "PASS":
            return f"{text} reaches the floor {test.reference:g}"
    level = ALPHA if strict and test.delta > 0.0 else ALPHA / price_of_family(test)
    needed = cases_to_show(abs(test.delta), test, level=level)
    advice = "" if needed is None else f"; about {needed} cases would decide"
    return f"{text} is borderline at the floor {test.reference:g}{advice}"
