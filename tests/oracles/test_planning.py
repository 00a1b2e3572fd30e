"""What a comparison needs, and shrunken variances, against statsmodels and SciPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.power import TTestPower

from evalkit.stats.planning import advised_margin, cases_needed, power, run_share
from evalkit.stats.shrinkage import shrunken_variances


@pytest.mark.parametrize("n", [2, 20, 100, 500])
@pytest.mark.parametrize("drop", [0.0, 0.01, 0.05, 0.5])
@pytest.mark.parametrize("level", [0.05, 0.05 / 12])
def test_power_is_statsmodels(n, drop, level):
    if drop == 0.0:
        expected = level
    else:
        expected = TTestPower().power(drop / 0.18, n, level, alternative="larger")
    assert power(0.18, n, drop, level=level) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("spread", [0.05, 0.18, 0.4])
@pytest.mark.parametrize("drop", [0.03, 0.05, 0.10])
def test_the_cases_needed_are_statsmodels_rounded_up(spread, drop):
    exact = TTestPower().solve_power(drop / spread, None, 0.05, 0.80, alternative="larger")
    assert cases_needed(spread, drop) == int(np.ceil(exact))


@pytest.mark.parametrize("df", [9, 29, 99, 999])
@pytest.mark.parametrize("metrics", [1, 4])
def test_the_advised_margin_lets_nine_in_ten_unchanged_builds_pass(df, metrics):
    """P(δ̂ − t·SE > −Δ) with δ̂ normal around 0, once a metric: 90 % over all."""
    factor = advised_margin(1.0, df, metrics=metrics) - scipy.stats.t.ppf(0.95, df)
    assert scipy.stats.t.cdf(factor, df) ** metrics == pytest.approx(0.90)


def test_the_advised_margins_are_the_studys_rules_of_thumb():
    """2.9·sd/√n for one metric, 3.6 for four; `research/gating-statistics.md` §1.2."""
    assert advised_margin(1.0, 10_000) == pytest.approx(2.9, abs=0.05)
    assert advised_margin(1.0, 10_000, metrics=4) == pytest.approx(3.6, abs=0.05)


def epochs(seed, n=30, runs=5):
    rng = np.random.default_rng(seed)
    spreads = rng.choice([0.0, 0.05, 0.2], n)
    return {f"c{i:02}": rng.normal(0.8, s, runs).tolist() for i, s in enumerate(spreads)}


@pytest.mark.parametrize("seed", range(6))
def test_the_pooled_variance_is_that_of_a_one_way_anova(seed):
    """All weight on the pool: every case has the mean square within cases."""
    values = epochs(seed)
    rows = pd.DataFrame(
        {
            "case": [case for case, of in values.items() for _ in of],
            "value": [value for of in values.values() for value in of],
        }
    )
    within = anova_lm(ols("value ~ C(case)", rows).fit()).loc["Residual", "mean_sq"]
    pooled = shrunken_variances(values, kappa=1e12)
    assert list(pooled.values()) == pytest.approx([within] * len(values), rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_without_shrinkage_it_is_each_cases_own_variance(seed):
    values = epochs(seed)
    own = {case: np.var(of, ddof=1) for case, of in values.items()}
    assert shrunken_variances(values, kappa=0.0) == pytest.approx(own)


def test_the_run_share_is_what_two_runs_of_one_build_differ_by():
    """An unchanged target: nothing but run noise, so all of SE², in the mean over baselines."""
    rng = np.random.default_rng(1)
    shares, differences = [], []
    for _ in range(400):
        level = rng.beta(5, 2, (100, 1))
        before, now = rng.normal(level, 0.1, (100, 5)), rng.normal(level[:, 0], 0.1)
        differences.append((now - before.mean(axis=1)).mean())
        # An error so large that the share stays below its cap of 1.
        shares.append(run_share(before.var(axis=1, ddof=1).mean(), 0.05, 100) * 0.05**2)
    assert np.mean(shares) == pytest.approx(0.01 * 1.2 / 100, rel=0.02)
    assert np.mean(shares) == pytest.approx(np.var(differences), rel=0.15)
