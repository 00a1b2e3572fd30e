"""The product's statistics against SciPy and statsmodels, on random and degenerate data."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

from evalkit.stats.exact import rate_interval, rate_lower_bound, rate_upper_bound
from evalkit.stats.holm import holm
from evalkit.stats.paired import interval, p_drop, sample_mean, smallest_detectable, upper_bound
from evalkit.stats.ratio import ratio_of_sums

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_singletons_are_scipys_paired_t(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 80))
    before, after = rng.beta(5, 2, n), rng.beta(5, 2, n)
    sample = sample_mean(list(after - before), range(n))
    less = scipy.stats.ttest_rel(after, before, alternative="less")
    assert p_drop(sample) == pytest.approx(less.pvalue, rel=1e-9)
    assert upper_bound(sample) == pytest.approx(less.confidence_interval(0.95).high)
    both = scipy.stats.ttest_rel(after, before).confidence_interval(0.95)
    assert interval(sample) == pytest.approx((both.low, both.high))
    assert sample.df == less.df


@pytest.mark.parametrize("seed", SEEDS)
def test_clusters_of_one_size_are_statsmodels_cluster_covariance(seed):
    rng = np.random.default_rng(seed)
    size, g = int(rng.integers(1, 9)), int(rng.integers(2, 12))
    clusters = rng.permutation([*range(g)] * size).tolist()
    values = rng.normal(-0.02, 0.1, len(clusters)) + rng.normal(0, 0.1, g)[clusters]
    sample = sample_mean(values.tolist(), clusters)
    fit = OLS(values, np.ones(len(clusters))).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(clusters)}, use_t=True
    )
    assert sample.mean == pytest.approx(fit.params[0])
    assert sample.standard_error == pytest.approx(fit.bse[0])
    assert interval(sample) == pytest.approx(tuple(fit.conf_int(0.05)[0]))
    # statsmodels' p is two-sided on G − 1 degrees of freedom.
    assert 2 * min(p_drop(sample), 1 - p_drop(sample)) == pytest.approx(fit.pvalues[0], rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_clusters_of_any_size_are_the_jackknife_that_leaves_out_one(seed):
    rng = np.random.default_rng(seed)
    n, g = int(rng.integers(10, 80)), int(rng.integers(2, 9))
    clusters = np.array([*range(g), *rng.integers(0, g, n - g)])
    values = rng.normal(-0.02, 0.1, n) + rng.normal(0, 0.1, g)[clusters]
    without = np.array([values[clusters != label].mean() for label in range(g)])
    jackknifed = np.sqrt((g - 1) / g * np.sum((without - values.mean()) ** 2))
    sample = sample_mean(values.tolist(), clusters.tolist())
    assert sample.standard_error == pytest.approx(jackknifed)


@pytest.mark.parametrize("seed", SEEDS)
def test_holm_is_statsmodels_holm(seed):
    rng = np.random.default_rng(seed)
    # Ties, zeros and ones are where step-down procedures go wrong.
    p_values = [0.0, 1.0, 0.01, 0.01, *(rng.random(int(rng.integers(0, 12))) ** 3).tolist()]
    rng.shuffle(p_values)
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize("n", [1, 2, 17, 64, 300])
def test_rates_are_scipys_exact_bounds(n):
    for events in {0, 1, n // 3, n - 1, n}:
        low, high = scipy.stats.binomtest(events, n).proportion_ci(0.95, method="exact")
        assert rate_interval(events, n) == pytest.approx((low, high))
        less = scipy.stats.binomtest(events, n, alternative="less").proportion_ci(0.95)
        assert rate_upper_bound(events, n) == pytest.approx(less.high)
        greater = scipy.stats.binomtest(events, n, alternative="greater").proportion_ci(0.95)
        assert rate_lower_bound(events, n) == pytest.approx(greater.low)


@pytest.mark.parametrize("df", [1, 2, 9, 59, 1000])
def test_the_smallest_detectable_drop_is_two_t_quantiles(df):
    expected = scipy.stats.t.ppf(0.95, df) + scipy.stats.t.ppf(0.80, df)
    assert smallest_detectable(0.02, df) == pytest.approx(0.02 * expected)


def test_the_ratios_error_is_what_resampling_finds():
    """The linearised error against the bootstrap, which knows nothing of the formula."""
    rng = np.random.default_rng(1)
    before = rng.lognormal(0, 0.5, 200)
    after = before * rng.lognormal(0.05, 0.3, 200)
    picks = rng.integers(0, 200, (4000, 200))
    resampled = after[picks].sum(axis=1) / before[picks].sum(axis=1)
    ratio = ratio_of_sums(after.tolist(), before.tolist())
    assert ratio.standard_error == pytest.approx(resampled.std(), rel=0.05)
