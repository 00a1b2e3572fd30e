"""Clopper–Pearson bounds: the closed forms, and the counts that are refused."""

from __future__ import annotations

import math

import pytest

from evalkit.stats.exact import (
    rate_interval,
    rate_lower_bound,
    rate_upper_bound,
    share_lower_bound,
    trials_needed,
)


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


# ── what it takes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("events", "n"), [(0, 59), (1, 93), (5, 208)])
def test_the_fewest_trials_that_prove_five_percent(events, n):
    assert trials_needed(events, 0.05) == n
    assert rate_upper_bound(events, n) <= 0.05 < rate_upper_bound(events, n - 1)


def test_one_trial_can_be_enough():
    # 1 − 0.05^(1/1) = 0.95.
    assert trials_needed(0, 0.95) == 1
    with pytest.raises(ValueError, match="strictly between"):
        trials_needed(0, 1.0)


# ── shares of clusters ───────────────────────────────────────────────────────────────────────────


def test_a_share_of_everything_is_bounded_as_a_coin_is():
    # KL(1‖m) = −ln m = ln 20 / n, so m = 0.05^(1/n): Clopper–Pearson's own bound.
    assert share_lower_bound([1.0] * 10) == pytest.approx(0.05**0.1)
    assert share_lower_bound([0.0] * 10) == 0.0


def test_the_bound_of_shares_keeps_the_divergence_at_the_budget():
    low = share_lower_bound([0.2, 0.6, 0.4])
    mean = 0.4
    divergence = mean * math.log(mean / low) + (1 - mean) * math.log((1 - mean) / (1 - low))
    assert divergence == pytest.approx(math.log(20) / 3)
    assert low < mean


def test_coins_are_bounded_more_closely_by_clopper_pearson():
    assert share_lower_bound([1.0] * 30 + [0.0] * 30) < rate_lower_bound(30, 60)


@pytest.mark.parametrize("shares", [[], [1.1], [-0.1], [math.nan]])
def test_what_is_no_share_is_refused(shares):
    with pytest.raises(ValueError, match="each within"):
        share_lower_bound(shares)
