"""Holm's adjustment: by hand, and what a test that could not be computed costs."""

from __future__ import annotations

import math

import pytest

from evalkit.stats.holm import holm


def test_each_p_pays_for_the_tests_not_yet_stepped_over():
    # Sorted 0.01·3 = 0.03, 0.02·2 = 0.04, 0.04·1 = 0.04; returned in the order given.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx((0.04, 0.03, 0.04))


def test_adjusted_values_never_fall_and_never_pass_one():
    # 0.02·2 = 0.04 lifts 0.03·1 to 0.04; 0.9·2 is capped at 1.
    assert holm([0.02, 0.03]) == pytest.approx((0.04, 0.04))
    assert holm([0.9, 0.9]) == (1.0, 1.0)


def test_a_test_without_a_p_counts_as_one():
    """The family keeps its declared size: losing a measurement makes nothing significant."""
    # 0.02 · 4 = 0.08, where the two p-values alone would give 0.04.
    assert holm([0.02, 0.5], family_size=4) == pytest.approx((0.08, 1.0))
    assert holm([0.02, 0.5], family_size=4) == pytest.approx(holm([0.02, 0.5, 1.0, 1.0])[:2])


def test_nothing_tested_needs_nothing():
    assert holm([]) == ()
    assert holm([], family_size=3) == ()


@pytest.mark.parametrize("p", [math.nan, -0.1, 1.1, math.inf])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="lies in"):
        holm([0.5, p])


def test_a_family_smaller_than_its_tests_is_refused():
    with pytest.raises(ValueError, match="cannot hold 2 tests"):
        holm([0.1, 0.2], family_size=1)
