"""The mean over cases, its standard error, and the test for a drop: known answers by hand."""

from __future__ import annotations

import math

import pytest

from evalkit.stats.paired import (
    SampleMean,
    interval,
    lower_bound,
    mean_of,
    p_drop,
    sample_mean,
    smallest_detectable,
    upper_bound,
)


def test_singletons_give_the_textbook_standard_error():
    """s²/n on n − 1 degrees of freedom."""
    # Mean 2, squared residuals 1 + 0 + 1, s² = 1, SE = 1/√3.
    sample = sample_mean([1.0, 2.0, 3.0], ["a", "b", "c"])
    assert (sample.mean, sample.df, sample.n, sample.n_clusters) == (2.0, 2, 3, 3)
    assert sample.standard_error == pytest.approx(1 / math.sqrt(3))


def test_clusters_add_their_residuals_before_squaring():
    # Mean 2; cluster sums −2 and +2; SE² = 2/1 · (4 + 4) / 4² = 1. Near miss: alone they give 1/√3.
    sample = sample_mean([1.0, 1.0, 3.0, 3.0], ["a", "a", "b", "b"])
    assert (sample.standard_error, sample.df) == (1.0, 1)
    alone = sample_mean([1.0, 1.0, 3.0, 3.0], "abcd")
    assert alone.standard_error == pytest.approx(1 / math.sqrt(3))


def test_a_cluster_that_holds_most_cases_is_not_taken_at_its_word():
    """Its residuals nearly cancel, because the mean is its own: CR1 would be sharper than s²/n."""
    # Mean 0.2; without a it is 1, without b or c 1/9: SE² = 2/3 · (0.8² + 2 · 0.0889²) = 0.4372.
    values = [0.0] * 8 + [1.0, 1.0]
    held = sample_mean(values, "aaaaaaaabc")
    assert held.standard_error == pytest.approx(math.sqrt(0.4372), abs=1e-4)
    assert held.df == 2
    # Near miss, CR1: sums −1.6, 0.8 and 0.8, SE² = 3/2 · 3.84 / 10² = 0.0576.
    assert held.standard_error > 2.7 * math.sqrt(0.0576)


def test_clusters_of_one_size_have_exactly_the_error_of_independent_sums():
    """CR1 and the jackknife agree to the last bit, and with s²/n where each case is alone."""
    # Sums −4/3, 2/3, 2/3 about the mean 2/3.
    values = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    sums = [-4 / 3, 2 / 3, 2 / 3]
    found = sample_mean(values, "aabbcc").standard_error
    assert found == pytest.approx(math.sqrt(1.5 * math.fsum(s * s for s in sums)) / 6, rel=1e-15)


def test_residuals_that_cancel_in_every_cluster_are_not_certainty():
    """The independent-cases error stands in for a cluster-robust 0."""
    # Each cluster sums to its share of the mean; s² = 4/3 over 4 cases: SE = √(1/3).
    sample = sample_mean([1.0, -1.0, 1.0, -1.0], ["a", "a", "b", "b"])
    assert sample.standard_error == pytest.approx(math.sqrt(1 / 3))
    assert sample.df == 1


def test_equal_values_have_no_spread_and_an_exact_mean():
    sample = sample_mean([0.1] * 7, range(7))
    assert (sample.mean, sample.standard_error) == (0.1, 0.0)


def test_rounding_is_not_spread():
    """0.3 − 0.2 and 0.2 − 0.1 differ in the last bit only."""
    assert 0.3 - 0.2 != 0.2 - 0.1
    assert sample_mean([0.3 - 0.2, 0.2 - 0.1], "ab").standard_error == 0.0


@pytest.mark.parametrize(
    ("mean", "p"), [(-0.1, 0.0), (0.0, 1.0), (0.1, 1.0), (-1e-15, 1.0), (-1e-9, 0.0)]
)
def test_without_spread_any_drop_is_certain_and_no_drop_is_none(mean, p):
    sample = SampleMean(mean=mean, standard_error=0.0, df=3, n=4, n_clusters=4)
    assert p_drop(sample) == p


def test_p_of_a_drop_is_the_lower_tail():
    # df = 1 is Cauchy: P(T ≤ −1) = 1/4, P(T ≤ 0) = 1/2, P(T ≤ 1) = 3/4.
    sample = SampleMean(mean=0.0, standard_error=1.0, df=1, n=2, n_clusters=2)
    assert p_drop(sample, reference=1.0) == pytest.approx(0.25)
    assert p_drop(sample) == pytest.approx(0.50)
    assert p_drop(sample, reference=-1.0) == pytest.approx(0.75)
    wide = SampleMean(mean=-2.0, standard_error=2.0, df=1, n=2, n_clusters=2)
    assert p_drop(wide) == pytest.approx(0.25)


def test_bounds_and_interval():
    # df = 1: t_0.95 = tan(0.45π) = 6.3138, t_0.975 = tan(0.475π) = 12.7062.
    sample = SampleMean(mean=1.0, standard_error=0.5, df=1, n=2, n_clusters=2)
    assert lower_bound(sample) == pytest.approx(1 - 0.5 * math.tan(0.45 * math.pi))
    assert upper_bound(sample) == pytest.approx(1 + 0.5 * math.tan(0.45 * math.pi))
    assert interval(sample) == pytest.approx(
        (1 - 0.5 * math.tan(0.475 * math.pi), 1 + 0.5 * math.tan(0.475 * math.pi))
    )


def test_the_smallest_detectable_drop_approaches_the_normal_one():
    # z_0.95 + z_0.80 = 1.6449 + 0.8416 = 2.4865; a stricter level needs a larger drop.
    assert smallest_detectable(1.0, 10**6) == pytest.approx(2.4865, abs=1e-3)
    assert smallest_detectable(1.0, 10**6, level=0.0125) == pytest.approx(3.083, abs=1e-3)
    assert smallest_detectable(0.0, 59) == 0.0


@pytest.mark.parametrize(
    ("values", "clusters", "message"),
    [
        ([0.1], "a", "two values in two clusters, got 1 in 1"),
        ([], "", "got 0 in 0"),
        ([0.1, 0.2], "aa", "got 2 in 1"),
        ([0.1, 0.2], "abc", "as many cluster labels"),
        ([0.1, math.nan], "ab", "finite"),
        ([0.1, math.inf], "ab", "finite"),
    ],
)
def test_what_has_no_standard_error_is_refused(values, clusters, message):
    with pytest.raises(ValueError, match=message):
        sample_mean(values, clusters)


def test_the_mean_of_equal_values_is_that_value():
    assert mean_of([0.1] * 3) == 0.1
    assert sum([0.1] * 3) / 3 != 0.1  # what it is not
    assert mean_of([0.0, 1.0, 0.5]) == 0.5
