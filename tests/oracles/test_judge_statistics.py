"""Agreement with people and corrected levels against statsmodels and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from evalkit.stats.agreement import agreement, wilson
from evalkit.stats.ppi import corrected_mean

# Right and wrong on supported items, right and wrong on unsupported ones; some judges never err.
TABLES = [
    (45, 5, 40, 10),
    (90, 10, 3, 7),
    (50, 0, 50, 0),
    (0, 50, 0, 50),
    (200, 3, 1, 0),
    (7, 13, 11, 9),
    *[tuple(np.random.default_rng(seed).integers(1, 80, 4).tolist()) for seed in range(12)],
]


@pytest.mark.parametrize(("tp", "fn", "tn", "fp"), TABLES)
def test_both_rates_have_statsmodels_wilson_interval(tp, fn, tn, fp):
    found = agreement(tp, fn, tn, fp)
    for rate, (events, n) in (
        (found.sensitivity, (tp, tp + fn)),
        (found.specificity, (tn, tn + fp)),
    ):
        expected = proportion_confint(events, n, method="wilson")
        assert (rate.low, rate.high) == pytest.approx(expected, abs=1e-12)
        assert rate.value == events / n


@pytest.mark.parametrize(("tp", "fn", "tn", "fp"), TABLES)
def test_j_is_the_difference_of_two_rates_with_newcombes_interval(tp, fn, tn, fp):
    """J = sensitivity − (1 − specificity): the share called supported where it is, and is not."""
    j = agreement(tp, fn, tn, fp).j
    low, high = confint_proportions_2indep(tp, tp + fn, fp, tn + fp, method="newcomb")
    assert (j.low, j.high) == pytest.approx((max(-1.0, low), min(1.0, high)), abs=1e-9)
    assert j.value == pytest.approx(tp / (tp + fn) - fp / (tn + fp))


@pytest.mark.parametrize(("tp", "fn", "tn", "fp"), TABLES)
def test_kappa_is_statsmodels(tp, fn, tn, fp):
    kappa = agreement(tp, fn, tn, fp).kappa
    assert kappa.value == pytest.approx(cohens_kappa([[tp, fn], [fp, tn]]).kappa, abs=1e-12)
    assert kappa.low <= kappa.value <= kappa.high


def test_kappas_interval_is_statsmodels_where_items_are_many():
    """MOVER and the delta method must agree where both are nearly exact."""
    ours = agreement(4500, 500, 4000, 1000).kappa
    theirs = cohens_kappa([[4500, 500], [1000, 4000]])
    assert (ours.low, ours.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), abs=0.001)


@pytest.mark.parametrize("n", [1, 20, 59, 400])
def test_wilson_stays_within_its_bounds_at_both_ends(n):
    none, every = wilson(0, n), wilson(n, n)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(proportion_confint(0, n, method="wilson")[1])
    assert every.low == pytest.approx(1.0 - none.high)


@pytest.mark.parametrize("seed", range(12))
def test_a_corrected_mean_is_welchs_two_samples(seed):
    """Judged scores and human − judged are two samples; Welch compares the means of such."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(5, 2, int(rng.integers(3, 200)))
    differences = rng.normal(-0.05, 0.1, int(rng.integers(3, 100)))
    found = corrected_mean(scores.tolist(), range(len(scores)), differences.tolist())
    welch = scipy.stats.ttest_ind(scores, -differences, equal_var=False)
    assert found.mean / found.standard_error == pytest.approx(welch.statistic)
    # Never more sure than Welch and Satterthwaite.
    assert found.df == min(len(scores), len(differences)) - 1
    assert found.df <= welch.df + 1e-9


def test_a_judge_that_is_off_by_the_same_everywhere_is_corrected_for_nothing():
    """No spread among the differences: the level moves, and is as sure as before."""
    scores = [0.9, 1.0, 0.8, 0.95, 0.85]
    found = corrected_mean(scores, range(5), [-0.1] * 5)
    assert found.mean == pytest.approx(np.mean(scores) - 0.1)
    assert found.standard_error == pytest.approx(scipy.stats.sem(scores))
