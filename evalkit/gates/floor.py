"""The check that a metric's mean is not below what the suite promises, whatever it was before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from evalkit.gates import instrument
from evalkit.gates.evidence import (
    Size,
    bound_below,
    can_test,
    cases_to_show,
    compare,
    outcome_unless_missing_decides,
    price_of_family,
    stopped_early,
    tested,
    too_many_missing,
)
from evalkit.gates.limits import ALPHA, ROUNDING, SHOWN_CASES
from evalkit.gates.protocol import Measurement
from evalkit.gates.sequential import Course, at_look, walk
from evalkit.gates.wording import count, p_value, score, sizes
from evalkit.observations import Observation, observe, spared
from evalkit.records import Check, Comparison, Outcome, Rated
from evalkit.stats.paired import SampleMean
from evalkit.stats.ppi import corrected_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a mean must reach. `strict` asks for proof that it does, not for a mean that does.

    `ratings` are answers that people scored as well as the judge: with them the mean is what people
    would have given, as far as their labels tell.
    """

    floor: float
    strict: bool
    ratings: tuple[Rated, ...] = ()

    @classmethod
    def of(cls, measurement: Measurement, metric: str, floor: float, *, strict: bool) -> Level:
        """The level in this lane: the proof that `strict` asks for is the release lane's."""
        return cls(
            floor=floor,
            strict=strict and measurement.lane == "release",
            ratings=instrument.ratings(measurement, metric),
        )


def floor_test(
    metric: str,
    observations: Sequence[Observation],
    level: Level,
    missing_as: float | None = None,
) -> Comparison:
    """The test that the mean is below the floor; missing scores are left out, or set to a value.

    Raises `ValueError` where too few are left to test.
    """
    used = [o for o in observations if o.scores or missing_as is not None]
    now = [o.mean if missing_as is None else o.imputed(missing_as) for o in used]
    clusters = [o.cluster for o in used]
    if not level.ratings:
        reference = [level.floor for _ in used]
        return compare(metric, "floor", now=now, reference=reference, clusters=clusters)
    # The labelled answers are of the suite's own cases, mostly of these.
    mean = corrected_mean(
        now,
        clusters,
        [rated.human - rated.judged for rated in level.ratings],
        labelled=[rated.judged for rated in level.ratings],
    )
    above = SampleMean(
        mean=mean.mean - level.floor,
        standard_error=mean.standard_error,
        df=mean.df,
        n=mean.n,
        n_clusters=mean.n_clusters,
    )
    labels = count(len(level.ratings), "label")
    method = f"one-sided t, corrected by {labels} (prediction-powered)"
    return tested(metric, "floor", above, reference=level.floor, now=mean.mean, method=method)


def floor_of(
    measurement: Measurement,
    metric: str,
    *,
    level: Level,
    size: Size,
    course: Course | None = None,
) -> Comparison | None:
    """The test against the floor, as far as there is one: once, or in the looks of `course`.

    A mean corrected by people's labels is tested once: the share of its error that the labels
    bring does not shrink from look to look, so there are no bounds for it.
    """
    observations = observe(measurement.run, metric)
    if course is None or level.ratings:
        return floor_test(metric, observations, level) if can_test(observations) else None

    def test(ids: Collection[str], is_last: bool) -> Comparison | None:
        part = [o for o in observations if o.case_id in ids]
        scored = [o for o in part if o.scores]
        unfit = len(scored) < len(part) or size.shortfall([o.cluster for o in scored])
        if not can_test(part) or (unfit and not is_last):
            return None
        return floor_test(metric, part, level)

    among = frozenset(course.order)
    return walk(course, among=among, test=test, decide=lambda t: _decide(t, level))


def check_floor(
    measurement: Measurement,
    metric: str,
    tested: Comparison | None,
    *,
    level: Level,
    size: Size,
    course: Course | None = None,
    alone: bool = False,
) -> Check:
    """FAIL where the mean is below the floor beyond doubt, PASS where it reaches it.

    Where the floor stands `alone`, no comparison tells what is known of the judge: it does.
    """
    observations = observe(measurement.run, metric)
    missing = too_many_missing(observations)
    if missing:
        return Check(kind="floor", outcome="ERROR", reason=missing, comparison=tested)
    left_out = len(spared(measurement.run, metric))
    total = len(observations) + left_out
    if tested is not None and tested.look and course is not None:
        ids = course.within(tested.look)
        observations = tuple(o for o in observations if o.case_id in ids)
    scored = [o for o in observations if o.scores]
    short = size.shortfall([o.cluster for o in scored])
    if short:
        outcome: Outcome = "INCONCLUSIVE"
        reason = f"too little evidence for a floor: {short}"
    elif tested is None:
        outcome, reason = "ERROR", "was not tested against its floor"
    elif left_out and not tested.look:
        outcome, reason = "INCONCLUSIVE", stopped_early(len(observations), left_out)
    else:
        outcome, doubt = outcome_unless_missing_decides(
            tested,
            sum(o.n_missing for o in observations),
            decide=lambda test: _decide(test, level),
            imputed=lambda value: floor_test(metric, observations, level, value),
        )
        reason = doubt or _explain(tested, level)
        reason += at_look(tested, outcome, total)
    if alone:
        reason += instrument.monotony(measurement, metric, [o.mean for o in scored], ())
        reason += "" if level.ratings else instrument.of_level(measurement, metric)
    lowest = sorted((o.mean, o.case_id) for o in scored)
    cases = tuple([case_id for mean, case_id in lowest if mean < level.floor][:SHOWN_CASES])
    return Check(kind="floor", outcome=outcome, reason=reason, comparison=tested, cases=cases)


def _decide(test: Comparison, level: Level) -> Outcome:
    # Each comparison is false for NaN, so a number that went wrong ends in INCONCLUSIVE.
    if test.p_adjusted <= ALPHA and test.delta < -ROUNDING:
        return "FAIL"
    # An early look ends on proof alone: a mean that reaches the floor by chance may still leave it.
    proof = level.strict or test.look < test.looks
    reached = bound_below(test) if proof else test.delta
    return "PASS" if reached >= -ROUNDING else "INCONCLUSIVE"


def _explain(test: Comparison, level: Level) -> str:
    corrected = ""
    if level.ratings:
        corrected = f", corrected by {count(len(level.ratings), 'label')}"
    text = (
        f"mean {score(test.now, beside=test.reference)} (95 % [{score(test.reference + test.low)}, "
        f"{score(test.reference + test.high)}], {sizes(test, 'case')}{corrected})"
    )
    rule = "sequential" if test.look else "Holm"
    match _decide(test, level):
        case "FAIL":
            p = p_value(test.p_adjusted)
            return f"{text} is below the floor {test.reference:g} ({rule} {p})"
        case "PASS":
            return f"{text} reaches the floor {test.reference:g}"
    advice = ""
    if test.look >= test.looks:
        rate = ALPHA if level.strict and test.delta > 0.0 else ALPHA / price_of_family(test)
        needed = cases_to_show(abs(test.delta), test, level=rate)
        advice = "" if needed is None else f"; about {needed} cases would decide"
    return f"{text} is borderline at the floor {test.reference:g}{advice}"
