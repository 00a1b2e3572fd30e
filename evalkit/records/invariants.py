"""What a record checks on construction."""

from __future__ import annotations

import math


def require(condition: bool, message: str) -> None:
    """Raise `ValueError` with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def finite(name: str, value: float, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise `ValueError` unless the value is a finite number within [low, high]."""
    # `not (a <= b)` rather than `a > b`: NaN must fail the check.
    if not (math.isfinite(value) and low <= value <= high):  # the message only where it is needed
        raise ValueError(f"{name} must be finite and within [{low}, {high}], got {value!r}")
