"""What is known of the judge that measured, as a verdict's text: J, and what it makes of a drop.

A judge whose sensitivity and specificity add up to 1 + J shows J of a true drop in the share of
supported claims. A drop it does not show cannot be ruled out with it: at J = 0.5 a build that is
worse by the margin passes 37 % of the time instead of 5 % (`research/gating-statistics.md` §1.8).
Below that a PASS by non-inferiority is INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.gates.limits import LABELS_FOR_LEVELS, LEAST_J
from evalkit.gates.protocol import Measurement
from evalkit.gates.wording import count, score
from evalkit.records import Calibration, Rated
from evalkit.stats.agreement import Interval, agreement

NOT_CALIBRATED = "judge not calibrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How much of a true drop a judge shows, and on which labelled set that was seen."""

    j: Interval
    labels: str

    @property
    def weak(self) -> bool:
        """Whether less than half of a drop is seen; also where J is not a number."""
        return not self.j.value >= LEAST_J

    def __str__(self) -> str:
        return f"J = {self.j} on {self.labels}"

    def true(self, drop: float) -> str:
        """A drop as judged, in words of the true one."""
        if not self.j.value > 0.0:
            return f"no true drop can be told from none ({self})"
        return f"{score(drop / self.j.value)} true ({self})"


def is_judged(measurement: Measurement, metric: str) -> bool:
    """Whether the metric asks the judge."""
    return bool(measurement.judged_on.get(metric))


def sight(measurement: Measurement, metric: str) -> Sight | None:
    """What labels say of the judge of this metric; None where nobody has labelled.

    The suite's own labels of this metric count before any other set; among several, the lowest J.
    A set of other metrics' labels says nothing of this one.
    """
    usable = [c for c in measurement.calibrations if c.metric in ("", metric) and _has_both(c)]
    own = [c for c in usable if _is_own(c, measurement, metric)]
    seen = [
        Sight(
            j=agreement(c.true_positives, c.false_negatives, c.true_negatives, c.false_positives).j,
            labels=c.labels,
        )
        for c in own or usable
    ]
    return min(seen, key=lambda one: one.j.value, default=None)


def _has_both(calibration: Calibration) -> bool:
    """Whether people called something supported and something unsupported."""
    supported = calibration.true_positives + calibration.false_negatives
    return supported > 0 and calibration.n > supported


def _is_own(calibration: Calibration, measurement: Measurement, metric: str) -> bool:
    suite = measurement.run.fingerprint.suite
    return calibration.metric == metric and calibration.suite in (suite, suite.partition("@")[0])


def remark(measurement: Measurement, metric: str, drop: float) -> str:
    """`; detects 0.031 as judged, 0.048 true (J = …)`; nothing for a metric without a judge."""
    if not is_judged(measurement, metric):
        return ""
    seen = sight(measurement, metric)
    said = f"; detects {score(drop)} as judged"
    return f"{said}, {seen.true(drop)}" if seen else f"{said}; {NOT_CALIBRATED}"


def weakness(measurement: Measurement, metric: str, margin: float) -> str:
    """Why this judge cannot rule out a drop of `margin`, or nothing."""
    seen = sight(measurement, metric) if is_judged(measurement, metric) else None
    if seen is None or not seen.weak:
        return ""
    return (
        f"judge too weak: it sees {max(0.0, seen.j.value):.2f} of a true drop, so a true drop of "
        f"{margin:g} is not ruled out (a margin in judged units takes `margin_judged = true`)"
    )


def monotony(
    measurement: Measurement, metric: str, now: Sequence[float], before: Sequence[float]
) -> str:
    """What to say where a judge gave every case one and the same score, now and before."""
    values = {*now, *before}
    if not is_judged(measurement, metric) or len(values) != 1:
        return ""
    (value,) = values
    same = f"; all {count(len(now), 'score')} are {score(value)}, now and before"
    if value == 1.0:
        return f"{same}: a judge that approves of everything would look the same"
    return f"{same}: a judge that does not look would show the same"


def ratings(measurement: Measurement, metric: str) -> tuple[Rated, ...]:
    """The labelled answers of this suite and metric, where there are enough to correct a level."""
    own = [
        c.ratings
        for c in measurement.calibrations
        if _is_own(c, measurement, metric) and len(c.ratings) >= LABELS_FOR_LEVELS
    ]
    return max(own, key=len, default=())
