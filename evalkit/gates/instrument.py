"""What is known of the judge that measured, as a verdict's text: J, and what it makes of a drop.

A judge whose sensitivity and specificity add up to 1 + J shows J of a true drop in the share of
supported claims. A drop it does not show cannot be ruled out with it: at J = 0.5 a build that is
worse by the margin passes 37 % of the time instead of 5 % (`research/gating-statistics.md` §1.8).
Below that a PASS by non-inferiority is INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit import cards
from evalkit.gates.limits import LABELS_FOR_LEVELS, LEAST_J
from evalkit.gates.protocol import Measurement
from evalkit.gates.wording import count, score
from evalkit.records import Rated
from evalkit.stats.agreement import Interval

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

    Which labelled set that is, of several, `cards.telling` says.
    """
    suite = measurement.run.fingerprint.suite
    card = cards.telling(measurement.calibrations, suite=suite, metric=metric)
    figures = cards.agreement_of(card) if card else None
    return Sight(j=figures.j, labels=card.labels) if card and figures else None


def remark(measurement: Measurement, metric: str, drop: float) -> str:
    """`; detects 0.031 as judged, 0.048 true (J = …)`; nothing for a metric without a judge."""
    if not is_judged(measurement, metric):
        return ""
    seen = sight(measurement, metric)
    said = f"; detects {score(drop)} as judged"
    return f"{said}, {seen.true(drop)}" if seen else f"{said}; {NOT_CALIBRATED}"


def of_level(measurement: Measurement, metric: str) -> str:
    """`; a level of the judge's own (J = …)`; nothing for a metric without a judge."""
    if not is_judged(measurement, metric):
        return ""
    seen = sight(measurement, metric)
    weak = "judge too weak, " if seen and seen.weak else ""
    return f"; a level of the judge's own ({weak}{seen or NOT_CALIBRATED})"


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
    """What to say where a judge gave every case one and the same score, now and, if any, before."""
    values = {*now, *before}
    if not is_judged(measurement, metric) or len(values) != 1 or len(now) < 2:
        return ""
    (value,) = values
    same = f"; all {count(len(now), 'score')} are {score(value)}"
    same += ", now and before" if before else ""
    if value == 1.0:
        return f"{same}: a judge that approves of everything would look the same"
    return f"{same}: a judge that does not look would show the same"


def ratings(measurement: Measurement, metric: str) -> tuple[Rated, ...]:
    """The labelled answers of this suite and metric, where there are enough to correct a level."""
    suite = measurement.run.fingerprint.suite
    own = [
        c.ratings
        for c in measurement.calibrations
        if cards.is_own(c, suite=suite, metric=metric) and len(c.ratings) >= LABELS_FOR_LEVELS
    ]
    return max(own, key=len, default=())
