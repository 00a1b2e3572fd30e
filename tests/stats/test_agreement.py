"""Agreement of a judge with people: figures by hand, an oracle, and intervals that cover."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from evalkit.stats.agreement import agreement, wilson

SEEDS = range(20)


def test_the_figures_are_those_of_the_four_counts():
    # 45/50 supported kept, 40/50 others found: J = 0.9 + 0.8 − 1. κ: observed 0.85, by chance 0.5.
    found = agreement(tp=45, fn=5, tn=40, fp=10)
    assert found.sensitivity.value == pytest.approx(0.9)
    assert found.specificity.value == pytest.approx(0.8)
    assert found.j.value == pytest.approx(0.7)
    assert found.balanced_accuracy.value == pytest.approx(0.85)
    assert found.kappa.value == pytest.approx(0.35 / 0.5)


def test_a_judge_that_approves_of_everything_has_no_j():
    """The near miss of a perfect one: sensitivity 1, and nothing told apart."""
    approving = agreement(tp=50, fn=0, tn=0, fp=50)
    assert approving.sensitivity.value == 1.0
    assert (approving.j.value, approving.kappa.value) == (0.0, 0.0)
    assert approving.balanced_accuracy.value == 0.5


def test_no_interval_is_a_point_where_no_item_is_judged_wrongly():
    """50 of 50 on both sides prove no J of 1; the delta method would say so."""
    perfect = agreement(tp=50, fn=0, tn=50, fp=0)
    # Wilson's lower bound of 50/50 is 0.929, 0.071 below; √2 times that for two of them.
    assert perfect.j.low == pytest.approx(1 - 0.0713 * 2**0.5, abs=1e-3)
    assert perfect.kappa.low < 0.95
    assert perfect.j.high == perfect.kappa.high == 1.0


@pytest.mark.parametrize("counts", [(0, 0, 5, 5), (5, 5, 0, 0)])
def test_labels_of_one_kind_are_refused(counts):
    with pytest.raises(ValueError, match="items of both labels"):
        agreement(*counts)


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="not be negative"):
        agreement(5, -1, 5, 5)


@pytest.mark.parametrize(("events", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_counts_that_are_no_rate_are_refused(events, n):
    with pytest.raises(ValueError, match="0 ≤ events ≤ n"):
        wilson(events, n)


@pytest.mark.parametrize("seed", SEEDS)
def test_rates_and_kappa_are_statsmodels(seed):
    rng = np.random.default_rng(seed)
    tp, fn, tn, fp = (int(count) for count in rng.integers(0, 60, 4))
    fn, tn = fn + (tp + fn == 0), tn + (tn + fp == 0)
    found = agreement(tp, fn, tn, fp)
    bounds = proportion_confint(tp, tp + fn, method="wilson")
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx(bounds, abs=1e-9)
    oracle = cohens_kappa([[tp, fn], [fp, tn]]).kappa
    assert found.kappa.value == pytest.approx(oracle, nan_ok=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_interval_of_j_is_newcombes_for_a_difference(seed):
    """J is sensitivity less the rate of false positives: a difference of two rates."""
    rng = np.random.default_rng(seed)
    tp, fn, tn, fp = (int(count) for count in rng.integers(1, 60, 4))
    low, high = confint_proportions_2indep(tp, tp + fn, fp, tn + fp, method="newcomb")
    found = agreement(tp, fn, tn, fp)
    assert (found.j.low, found.j.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_interval_contains_its_figure(seed):
    rng = np.random.default_rng(seed)
    tp, fn, tn, fp = (int(count) for count in rng.integers(0, 8, 4))
    found = agreement(tp + 1, fn, tn + 1, fp)
    for name in ("sensitivity", "specificity", "j", "balanced_accuracy", "kappa"):
        one = getattr(found, name)
        assert -1.0 <= one.low <= one.value <= one.high <= 1.0, name


@pytest.mark.parametrize("rates", [(0.95, 0.95), (0.9, 0.7), (0.65, 0.97), (0.98, 0.98)])
def test_the_intervals_cover(rates):
    """100 labels, half of them unsupported on average: 95 % but for Monte Carlo error."""
    figures = cache(agreement)
    rng = np.random.default_rng(5)
    repeats, n = 2000, 100
    supported = rng.binomial(n, 0.5, repeats)
    kept = rng.binomial(supported, rates[0])
    found = rng.binomial(n - supported, rates[1])
    covered = {"j": 0, "kappa": 0}
    true = {"j": sum(rates) - 1, "kappa": sum(rates) - 1}  # κ equals J where both labels are even
    for s, tp, tn in zip(supported.tolist(), kept.tolist(), found.tolist(), strict=True):
        one = figures(tp, s - tp, tn, n - s - tn)
        for name in covered:
            interval = getattr(one, name)
            covered[name] += interval.low <= true[name] <= interval.high
    # 3.5 Monte Carlo errors of 0.005 below 95 %, and not so wide that they say nothing.
    assert all(0.93 <= hits / repeats <= 0.985 for hits in covered.values()), covered
