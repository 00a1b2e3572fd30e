"""Holm's step-down adjustment: one false alarm in a whole build at most at the stated rate."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float], *, family_size: int | None = None) -> tuple[float, ...]:
    """The p-values adjusted for `family_size` tests, in the order given.

    Tests of the family that have no p-value (they could not be computed) count as p = 1, so that
    losing a measurement never makes the others easier to fail. Controls the family-wise error rate
    under any dependence of the tests.

    Source: Holm, Scandinavian J. Statistics 6 (1979) 65–70. It does not prove that the tests left
    above the level found no drop.

    >>> holm([0.01, 0.04])
    (0.02, 0.04)

    Raises `ValueError` for a p outside [0, 1] and for a family smaller than its tests.
    """
    size = len(p_values) if family_size is None else family_size
    if size < len(p_values):
        raise ValueError(f"a family of {size} cannot hold {len(p_values)} tests")
    # `not (0 <= p <= 1)`: NaN must be refused.
    wrong = [p for p in p_values if not 0.0 <= p <= 1.0]
    if wrong:
        raise ValueError(f"a p-value lies in [0, 1], got {wrong[0]!r}")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (size - rank) * p_values[index]))
        adjusted[index] = largest
    return tuple(adjusted)
