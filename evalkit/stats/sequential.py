"""Bounds for a test that looks at its data several times: the error rate is spent look by look.

Z-values at the looks are normal with the covariance of sums of independent increments,
cov(Z_j, Z_k) = √(t_j/t_k) for information fractions t_j ≤ t_k. A bound c_k at each look is chosen
so that P(no crossing before k, Z_k > c_k) under the null hypothesis is what look k may spend.

The integral is done look by look: the density of √t·Z on the part that has not crossed is carried
forward on Gauss–Legendre nodes. Source: Armitage, McPherson & Rowe, JRSS A 132 (1969) 235–244, the
recursion; Lan & DeMets, Biometrika 70 (1983) 659–663, the spending.

The rates hold for information fractions that do not depend on what was seen, and for Z-values that
are normal at the first look already; t statistics of 24 and more cases are turned into them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy

Vector = npt.NDArray[np.float64]

NODES = 128
"""Of the quadrature at each look; 64 give the same six decimals."""

DEEPEST = 9.0
"""How far below 0 a Z-value is followed; P(Z < −9) is 10⁻¹⁹."""


def obrien_fleming_bounds(fractions: Sequence[float], level: float) -> tuple[float, ...]:
    """Upper bounds of Z at each look that spend `level` as O'Brien and Fleming's do.

    By fraction t, 2·(1 − Φ(z_{1−level/2}/√t)) is spent: almost nothing early, so that the last
    bound lies close to that of a test with one look.

    Source: Lan & DeMets, Biometrika 70 (1983) 659–663, α₁*.

    >>> [round(c, 3) for c in obrien_fleming_bounds((0.5, 0.75, 1.0), 0.05)]
    [2.538, 2.016, 1.72]

    Raises `ValueError` for fractions that do not grow to 1 and for a level outside (0, 1).
    """
    return _bounds(tuple(fractions), level, "obrien-fleming")


def linear_bounds(fractions: Sequence[float], level: float) -> tuple[float, ...]:
    """Upper bounds of Z at each look that spend `level` evenly: level·t by fraction t.

    Source: Kim & DeMets, Biometrika 74 (1987) 149–154, α* with exponent 1. Raises as
    `obrien_fleming_bounds` does.
    """
    return _bounds(tuple(fractions), level, "linear")


def tail(z: float) -> float:
    """P(Z > z) of the standard normal: the level at which a bound is crossed."""
    return float(scipy.special.ndtr(-z))


def _obrien_fleming(level: float, fraction: float) -> float:
    edge = float(scipy.special.ndtri(1.0 - level / 2))
    return 2.0 * tail(edge / math.sqrt(fraction))


def _linear(level: float, fraction: float) -> float:
    return level * fraction


SPENDING: dict[str, Callable[[float, float], float]] = {
    "obrien-fleming": _obrien_fleming,
    "linear": _linear,
}


@lru_cache(maxsize=1024)
def _bounds(fractions: tuple[float, ...], level: float, spending: str) -> tuple[float, ...]:
    _require(fractions, level)
    spend = SPENDING[spending]
    alive = _Alive.at_start()
    found: list[float] = []
    spent = before = 0.0
    for fraction in fractions:
        budget = spend(level, fraction)
        bound = alive.bound(fraction - before, budget - spent) / math.sqrt(fraction)
        alive = alive.carried(fraction - before, bound * math.sqrt(fraction))
        found.append(bound)
        spent, before = budget, fraction
    return tuple(found)


class _Alive:
    """Where √t·Z may be without having crossed yet: nodes, and the mass at each."""

    def __init__(self, nodes: Vector, mass: Vector) -> None:
        self._nodes = nodes
        self._mass = mass

    @classmethod
    def at_start(cls) -> _Alive:
        return cls(np.zeros(1), np.ones(1))

    def _above(self, edge: float, step: float) -> float:
        """The chance to be alive and, `step` of information later, above `edge`."""
        return float(self._mass @ scipy.special.ndtr((self._nodes - edge) / math.sqrt(step)))

    def bound(self, step: float, budget: float) -> float:
        """The edge that is exceeded with probability `budget`; bisection, as it falls steadily."""
        low, high = -DEEPEST, DEEPEST
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._above(middle, step) > budget else (low, middle)
        return (low + high) / 2

    def carried(self, step: float, edge: float) -> _Alive:
        """What is still alive `step` later, having stayed at or below `edge`."""
        spread = math.sqrt(step)
        x, weight = _quadrature()
        low = min(edge, 0.0) - DEEPEST
        nodes = low + (edge - low) * (x + 1.0) / 2
        gaps = (nodes[:, None] - self._nodes[None, :]) / spread
        density = np.exp(-(gaps**2) / 2) @ self._mass / (spread * math.sqrt(2 * math.pi))
        return _Alive(nodes, density * weight * (edge - low) / 2)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Vector, Vector]:
    x, weight = np.polynomial.legendre.leggauss(NODES)
    return x, weight


def _require(fractions: tuple[float, ...], level: float) -> None:
    steps = [after - before for before, after in zip((0.0, *fractions), fractions, strict=False)]
    if not fractions or min(steps) <= 0.0 or fractions[-1] != 1.0:
        raise ValueError(f"information fractions grow from above 0 to 1, got {fractions}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"a level lies strictly between 0 and 1, got {level!r}")
