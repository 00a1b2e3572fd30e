"""How far a judge agrees with people, from the four counts of a two-by-two table.

Positive is "supported": a true positive is a claim that people and the judge call supported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with its two-sided 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A judge against human labels, every figure with its interval.

    `sensitivity` is the share of supported items that it calls supported, `specificity` that of
    unsupported ones that it calls unsupported. `j` is Youden's J, sensitivity + specificity − 1:
    the share of a true drop in claims supported that the judge's rate shows. `balanced_accuracy`
    is (J + 1) / 2. `kappa` is Cohen's κ, which also depends on how common unsupported items are in
    the labelled set, so it compares judges on one set only.
    """

    sensitivity: Interval
    specificity: Interval
    j: Interval
    balanced_accuracy: Interval
    kappa: Interval


def agreement(tp: int, fn: int, tn: int, fp: int) -> Agreement:
    """Every figure of agreement and its 95 % interval.

    Sensitivity and specificity have Wilson's interval. J, balanced accuracy and κ join the two by
    MOVER (square and add): the distance to a bound is √(a² + b²), where a and b are the distances
    that moving sensitivity alone, and specificity alone, to its own bound gives. κ has the share
    of supported items as a third such rate.

    Source: Wilson, JASA 22 (1927) 209–212; Newcombe, Statistics in Medicine 17 (1998) 873–890,
    method 10; Zou & Donner, Statistics in Medicine 27 (2008) 1693–1702; Youden, Cancer 3 (1950)
    32–35; Cohen, Educational and Psychological Measurement 20 (1960) 37–46. Departure: κ by MOVER
    instead of the delta method, whose interval is one point where no item is judged wrongly.

    It does not prove agreement on other texts than these, and takes items as independent: several
    items of one document make the true intervals wider.

    >>> str(agreement(45, 5, 40, 10).j)
    '0.70 [0.53, 0.80]'

    Raises `ValueError` for a negative count, and where people gave only one of the two labels.
    """
    counts = {"tp": tp, "fn": fn, "tn": tn, "fp": fp}
    if min(counts.values()) < 0:
        raise ValueError(f"counts must not be negative, got {counts}")
    if tp + fn == 0 or tn + fp == 0:
        raise ValueError(f"agreement needs items of both labels, got {counts}")
    sensitivity, specificity = wilson(tp, tp + fn), wilson(tn, tn + fp)
    share = wilson(tp + fn, tp + fn + tn + fp)
    j = _joined(lambda a, b: a + b - 1, sensitivity, specificity)
    return Agreement(
        sensitivity=sensitivity,
        specificity=specificity,
        j=j,
        balanced_accuracy=Interval(
            value=(j.value + 1) / 2, low=(j.low + 1) / 2, high=(j.high + 1) / 2
        ),
        kappa=_joined(_kappa, sensitivity, specificity, share),
    )


def wilson(events: int, n: int) -> Interval:
    """The rate of `events` in `n` with Wilson's score interval; never one point.

    Its coverage is 95 % on average over true rates; for one rate it may be a few points off.
    Clopper–Pearson, which guarantees it, is for claims that must hold (`stats.exact`).

    >>> str(wilson(0, 20))
    '0.00 [0.00, 0.16]'

    Raises `ValueError` for counts that are no rate.
    """
    if not (n >= 1 and 0 <= events <= n):
        raise ValueError(f"a rate needs 0 ≤ events ≤ n and n ≥ 1, got {events} of {n}")
    rate = events / n
    spread = _Z * _Z / n
    middle = (rate + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (rate * (1 - rate) + spread / 4)) / (1 + spread)
    # The exact bound at 0 and n; rounding would leave the rate outside its interval.
    low = 0.0 if events == 0 else middle - half
    high = 1.0 if events == n else middle + half
    return Interval(value=rate, low=low, high=high)


def _joined(figure: Callable[..., float], *rates: Interval) -> Interval:
    """The interval of a figure of independent rates: each moved alone, the distances squared."""
    middles = [rate.value for rate in rates]
    value = figure(*middles)
    below = above = 0.0
    for at, rate in enumerate(rates):
        ends = [figure(*middles[:at], end, *middles[at + 1 :]) for end in (rate.low, rate.high)]
        below = math.hypot(below, max(0.0, value - min(ends)))
        above = math.hypot(above, max(0.0, max(ends) - value))
    return Interval(value=value, low=max(-1.0, value - below), high=min(1.0, value + above))


def _kappa(sensitivity: float, specificity: float, prevalence: float) -> float:
    """Cohen's κ of a judge with these rates where `prevalence` of the items are supported."""
    observed = prevalence * sensitivity + (1 - prevalence) * specificity
    said = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
    chance = prevalence * said + (1 - prevalence) * (1 - said)
    return (observed - chance) / (1 - chance)
