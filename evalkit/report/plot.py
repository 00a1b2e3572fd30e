"""The geometry of an interval plot: where a change, its interval, zero and the margin are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 200.0
"""The drawing's own units; the page scales it."""

_PAD = 6.0
_SMALLEST = 0.02
"""Half-width below which an axis is not zoomed in: a thousandth must not look like a drop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A range shared by rows of one unit, always with zero inside."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """Where `value` is drawn; outside the axis, at its edge."""
        inside = min(max(value, self.low), self.high)
        place = _PAD + (WIDTH - 2 * _PAD) * (inside - self.low) / (self.high - self.low)
        return round(place, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Horizontal places in a drawing `WIDTH` wide; `margin` is None where the gate has none."""

    low: float
    now: float
    high: float
    zero: float
    margin: float | None
    label: str

    @property
    def span(self) -> float:
        """The interval's width, at least one so that it is seen."""
        return max(round(self.high - self.low, 1), 1.0)


def axis(values: Iterable[float]) -> Axis:
    """The smallest range that holds zero and every value, with a little air on both sides."""
    seen = [0.0, *values]
    low, high = min(seen), max(seen)
    air = max(0.06 * (high - low), _SMALLEST - (high - low) / 2, 0.0)
    return Axis(low=low - air, high=high + air)
