"""Exact bounds, McNemar, ratios and log-ratios against SciPy and statsmodels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar

from evalkit.gates.latency import check_slower
from evalkit.stats.exact import rate_upper_bound, share_lower_bound, trials_needed
from evalkit.stats.mcnemar import p_more_hits
from evalkit.stats.ratio import ratio_lower_bound, ratio_of_sums
from tests.gates.timed import timed

SEEDS = range(20)


def test_mcnemar_is_scipys_binomial_test():
    for new, lost in itertools.product(range(13), repeat=2):
        expected = 1.0
        if new + lost:
            expected = scipy.stats.binomtest(new, new + lost, alternative="greater").pvalue
        assert p_more_hits([1] * new + [-1] * lost + [0] * 7) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("new", "lost"), [(9, 2), (30, 11), (400, 350), (1, 0)])
def test_mcnemar_doubled_is_statsmodels_exact_test(new, lost):
    both = mcnemar([[50, lost], [new, 40]], exact=True).pvalue
    assert min(1.0, 2 * p_more_hits([1] * new + [-1] * lost)) == pytest.approx(both, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_clustered_changes_are_scipys_sign_flips(seed):
    rng = np.random.default_rng(seed)
    changes = rng.integers(-3, 5, int(rng.integers(2, 12)))
    expected = scipy.stats.permutation_test(
        (changes.astype(float),),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        alternative="greater",
        n_resamples=10**6,  # more than there are sign patterns: every one is taken
    )
    assert p_more_hits(changes.tolist()) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("events", [0, 1, 2, 5, 17])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_trials_needed_are_where_scipys_bound_crosses(events, rate):
    def bound(n):
        return scipy.stats.binomtest(events, n, alternative="less").proportion_ci(0.95).high

    needed = trials_needed(events, rate)
    assert bound(needed) <= rate < bound(needed - 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_shares_misses_at_most_its_level(seed):
    """Against the true mean of beta-distributed shares, which SciPy knows."""
    rng = np.random.default_rng(seed)
    a, b, n = rng.uniform(0.1, 2.0), rng.uniform(0.1, 2.0), int(rng.integers(5, 60))
    truth = scipy.stats.beta.mean(a, b)
    draws = rng.beta(a, b, (2000, n))
    missed = np.mean([share_lower_bound(shares.tolist()) > truth for shares in draws])
    assert missed <= 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ratios_error_is_the_paired_t_of_its_residuals(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 80))
    before = rng.lognormal(0, 0.8, n)
    after = before * rng.lognormal(0.05, 0.3, n)
    ratio = ratio_of_sums(after.tolist(), before.tolist())
    # The lower bound of the mean residual at ρ₀, linear in ρ₀, is 0 where ρ₀ is the ratio's.
    residuals = (after - ratio.value * before) / before.mean()
    low = scipy.stats.ttest_1samp(residuals, 0.0, alternative="greater").confidence_interval(0.95)
    assert ratio_lower_bound(ratio) == pytest.approx(ratio.value + low.low)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ratio_in_clusters_of_one_size_is_statsmodels_weighted_regression(seed):
    """Σy/Σx is the slope through 0 of y on x, weighted by 1/x; its robust error is the same."""
    rng = np.random.default_rng(seed)
    size, g = int(rng.integers(1, 9)), int(rng.integers(3, 12))
    clusters = rng.permutation([*range(g)] * size).tolist()
    x = rng.lognormal(0, 0.5, len(clusters))
    y = x * rng.lognormal(0.1, 0.2, len(clusters)) * rng.lognormal(0, 0.2, g)[clusters]
    root = np.sqrt(x)
    fit = OLS(y / root, root).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(clusters), "use_correction": False}
    )
    ratio = ratio_of_sums(y.tolist(), x.tolist(), clusters)
    assert ratio.value == pytest.approx(fit.params[0])
    assert ratio.standard_error == pytest.approx(fit.bse[0] * math.sqrt(g / (g - 1)))
    assert ratio.df == g - 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ratio_in_clusters_of_any_size_is_the_jackknife_of_its_residuals(seed):
    rng = np.random.default_rng(seed)
    n, g = int(rng.integers(10, 60)), int(rng.integers(3, 9))
    clusters = np.array([*range(g), *rng.integers(0, g, n - g)])
    x = rng.lognormal(0, 0.5, n)
    y = x * rng.lognormal(0.1, 0.2, n) * rng.lognormal(0, 0.2, g)[clusters]
    ratio = ratio_of_sums(y.tolist(), x.tolist(), clusters.tolist())
    residuals = (y - ratio.value * x) / x.mean()
    without = np.array([residuals[clusters != label].mean() for label in range(g)])
    assert ratio.standard_error == pytest.approx(np.sqrt((g - 1) / g * np.sum(without**2)))


@pytest.mark.parametrize("seed", SEEDS)
def test_latency_is_scipys_paired_t_on_logs(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 60))
    before = rng.lognormal(0, 0.5, n)
    after = before * rng.lognormal(rng.normal(0, 0.2), 0.3, n)
    check = check_slower(timed(after, before), 0.2)
    logs = scipy.stats.ttest_rel(np.log(after), np.log(before))
    low, high = np.exp(logs.confidence_interval(0.90))  # 5 % on each side
    outcome = "FAIL" if check.ratio > 1.2 and low > 1 else "PASS" if high <= 1.2 else "INCONCLUSIVE"
    assert check.outcome == outcome
    assert check.ratio == pytest.approx(scipy.stats.gmean(after / before))
    assert f"{100 * (low - 1):+.1f} %".replace("-", "−") in check.reason


@pytest.mark.parametrize("n", [1, 59, 300])
def test_none_of_n_is_the_closed_form(n):
    assert rate_upper_bound(0, n) == pytest.approx(scipy.stats.beta.ppf(0.95, 1, n))
