"""The ratio of sums, its linearised error, and what has no ratio."""

from __future__ import annotations

import math

import pytest

from evalkit.stats.ratio import ratio_lower_bound, ratio_of_sums


def test_a_ratio_by_hand():
    # ρ = 6/4 = 1.5; e = (3 − 3, 1 − 1.5, 2 − 1.5) = (0, −½, ½); sd(e) = √(½/2) = ½;
    # SE = ½ / (√3 · 4/3) = 0.2165.
    ratio = ratio_of_sums([3.0, 1.0, 2.0], [2.0, 1.0, 1.0])
    assert ratio.value == 1.5
    assert ratio.standard_error == pytest.approx(0.5 / (math.sqrt(3) * 4 / 3))
    # t_0.95 on 2 df is 2.91999.
    assert ratio_lower_bound(ratio) == pytest.approx(1.5 - 2.91999 * ratio.standard_error, abs=1e-5)


def test_a_uniform_rise_is_known_exactly():
    """Every case doubled: no spread, so the bound is the ratio."""
    ratio = ratio_of_sums([2.0, 4.0, 8.0], [1.0, 2.0, 4.0])
    assert (ratio.value, ratio.standard_error, ratio_lower_bound(ratio)) == (2.0, 0.0, 2.0)


def test_a_case_that_cost_nothing_does_not_dominate():
    # Σ = 11/10, where a mean of ratios would divide by 0.
    assert ratio_of_sums([1.0, 10.0], [0.0, 10.0]).value == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("now", "before", "message"),
    [
        ([1.0], [1.0], "two pairs"),
        ([1.0, 2.0], [1.0], "two pairs"),
        ([1.0, 2.0], [0.0, 0.0], "undefined"),
        ([1.0, math.nan], [1.0, 1.0], "finite"),
        ([1.0, -1.0], [1.0, 1.0], "not negative"),
    ],
)
def test_what_has_no_ratio_is_refused(now, before, message):
    with pytest.raises(ValueError, match=message):
        ratio_of_sums(now, before)


def test_cases_of_one_document_are_one_piece_of_evidence():
    """Each case three times over says no more than once: the error stays that of three cases."""
    now, before = [3.0, 1.0, 2.0], [2.0, 1.0, 1.0]
    once = ratio_of_sums(now, before)
    thrice = ratio_of_sums(now * 3, before * 3, ["a", "b", "c"] * 3)
    assert thrice.value == once.value
    assert thrice.standard_error == pytest.approx(once.standard_error)
    assert (once.df, thrice.df) == (2, 2)
    # Near miss: taken as nine cases, the error shrinks.
    assert ratio_of_sums(now * 3, before * 3).standard_error < 0.6 * once.standard_error


def test_the_error_does_not_depend_on_the_unit():
    """A cost of a millionth of a dollar has an error, too."""
    cents = ratio_of_sums([3.0, 1.0, 2.0], [2.0, 1.0, 1.0])
    tiny = ratio_of_sums([3e-9, 1e-9, 2e-9], [2e-9, 1e-9, 1e-9])
    assert tiny.standard_error == pytest.approx(cents.standard_error)
