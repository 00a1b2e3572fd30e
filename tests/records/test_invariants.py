"""What a record checks when it is made."""

from __future__ import annotations

import math

import pytest

from evalkit.records.invariants import finite, require


def test_a_condition_that_does_not_hold_raises_its_message():
    """And one that holds raises nothing."""
    require(True, "never seen")
    with pytest.raises(ValueError, match=r"^ids must differ$"):
        require(False, "ids must differ")


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5, 1, 0])
def test_a_number_within_its_bounds_passes(value):
    """Both bounds belong to the range; a whole number is a number."""
    finite("x", value, 0.0, 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.0000001, -1e-300])
def test_a_number_outside_is_refused_with_name_and_value(value):
    """NaN compares with nothing, and must not slip through for that."""
    with pytest.raises(ValueError, match=r"x must be finite and within \[0\.0, 1\.0\], got"):
        finite("x", value, 0.0, 1.0)


@pytest.mark.parametrize("value", [-1e308, 1e308])
def test_without_bounds_any_finite_number_passes(value):
    """The near miss is infinity itself."""
    finite("x", value)
    with pytest.raises(ValueError, match="finite"):
        finite("x", value * 10)
