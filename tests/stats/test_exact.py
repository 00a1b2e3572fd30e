"""Clopper–Pearson bounds: the closed forms, and the counts that are refused."""

from __future__ import annotations

import pytest

from evalkit.stats.exact import rate_interval, rate_lower_bound, rate_upper_bound


@pytest.mark.parametrize(
    ("n", "bound"), [(20, 0.1391), (59, 0.0495), (149, 0.0199), (299, 0.00997)]
)
def test_none_seen_bounds_the_rate_by_one_minus_the_root(n, bound):
    # 1 − 0.05^(1/n); the figures of the rule "0 of 59 proves 5 %".
    assert rate_upper_bound(0, n) == pytest.approx(1 - 0.05 ** (1 / n))
    assert rate_upper_bound(0, n) == pytest.approx(bound, abs=1e-4)


def test_all_seen_is_the_mirror():
    # All of n: the lower bound is 0.05^(1/n), the upper is 1.
    assert rate_lower_bound(59, 59) == pytest.approx(0.05 ** (1 / 59))
    assert rate_upper_bound(59, 59) == 1.0
    assert rate_lower_bound(0, 59) == 0.0


def test_the_two_sided_interval_splits_the_error():
    # 0 of 10 at 95 % two-sided: [0, 1 − 0.025^(1/10)] = [0, 0.3085].
    assert rate_interval(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))


@pytest.mark.parametrize(("events", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_counts_that_are_no_rate_are_refused(events, n):
    for bound in (rate_lower_bound, rate_upper_bound):
        with pytest.raises(ValueError, match="0 ≤ events ≤ n"):
            bound(events, n)
