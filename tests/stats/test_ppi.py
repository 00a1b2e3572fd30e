"""A level corrected by labels: known answers, and coverage with a lenient judge."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats.paired import interval, sample_mean
from evalkit.stats.ppi import corrected_mean

TRUE_MEAN = 0.55 * 80 / 81 + 0.45 * 5 / 7


def test_the_mean_moves_by_what_the_labels_differ():
    # Judged 0.9 on average, people 0.1 lower: 0.8. Near miss: without a difference it stays.
    scores, clusters = [0.9, 1.0, 0.8, 0.9], [1, 2, 3, 4]
    assert corrected_mean(scores, clusters, [-0.1, 0.0, -0.2]).mean == pytest.approx(0.8)
    assert corrected_mean(scores, clusters, [0.0, 0.0, 0.0]).mean == pytest.approx(0.9)


def test_both_errors_add_and_the_fewer_degrees_of_freedom_count():
    scores, differences = [0.9, 1.0, 0.8, 0.9], [-0.1, 0.0, -0.2]
    found = corrected_mean(scores, "abcd", differences)
    parts = sample_mean(scores, "abcd"), sample_mean(differences, range(3))
    assert found.standard_error == pytest.approx(
        math.hypot(parts[0].standard_error, parts[1].standard_error)
    )
    assert (found.df, found.n, found.n_clusters) == (2, 4, 4)


def test_clusters_of_the_scores_count():
    """Cases of one document: the degrees of freedom are the documents' less one."""
    assert corrected_mean([0.9, 1.0, 0.8, 0.7], "aabb", [0.1, 0.0, 0.1, 0.2, 0.0]).df == 1


def test_a_judge_that_is_further_off_where_it_scores_high_widens_the_interval():
    # Covariance of (0.5, 0.7, 0.9) with (0, 0.1, 0.2) is 0.02: twice that over 4 cases is 0.01.
    scores, differences = [0.9, 1.0, 0.8, 0.9], [0.0, 0.1, 0.2]
    apart = corrected_mean(scores, "abcd", differences)
    among = corrected_mean(scores, "abcd", differences, labelled=[0.5, 0.7, 0.9])
    assert among.standard_error**2 - apart.standard_error**2 == pytest.approx(0.01)
    # The other way round nothing is taken off.
    assert corrected_mean(scores, "abcd", differences, labelled=[0.9, 0.7, 0.5]) == apart


def test_scores_of_other_labels_than_those_given_are_refused():
    with pytest.raises(ValueError, match="as many labelled scores"):
        corrected_mean([0.9, 1.0], "ab", [0.0, 0.1], labelled=[0.5])


def draws(rng, n):
    """True scores, and those of a judge that lets 45 % of faults pass by 0.3, as in `sim4` G'."""
    claims = 3 + rng.poisson(2, n)
    easy = rng.random(n) < 0.55
    support = np.where(easy, rng.beta(80, 1, n), rng.beta(5, 2, n))
    true = rng.binomial(claims, support) / claims
    lenient = 0.3 * (true < 1) * (rng.random(n) < 0.45) + rng.normal(0, 0.03, n) * (true < 1)
    return true, np.clip(true + lenient, 0, 1)


def coverage(labels, *, judge=lambda true, judged: judged, labelled=False, repeats=1000):
    """How often the 95 % interval of 200 judged cases, some of them labelled, holds the mean."""
    rng = np.random.default_rng(21)
    corrected = alone = 0
    for _ in range(repeats):
        true, judged = draws(rng, 200)
        judged = judge(true, judged)
        some = judged[:labels].tolist() if labelled else ()
        differences = (true - judged)[:labels].tolist()
        found = corrected_mean(judged.tolist(), range(200), differences, labelled=some)
        low, high = interval(found)
        corrected += low <= TRUE_MEAN <= high
        low, high = interval(sample_mean(judged.tolist(), range(200)))
        alone += low <= TRUE_MEAN <= high
    return corrected / repeats, alone / repeats


def test_fifty_labels_restore_the_coverage_that_a_lenient_judge_loses():
    """research §1.8: 94–95 % with 50 labels, 16–17 % by the judge alone."""
    corrected, alone = coverage(50, labelled=True)
    assert corrected >= 0.93  # 2.9 Monte Carlo errors below 95 %
    assert alone < 0.30


def test_the_covariance_is_needed_where_a_judge_compresses_its_scale():
    """A judge that halves every distance from 1: high and low scores are off by different sums."""

    def compressing(true, judged):
        return 0.5 + 0.5 * true

    without, _ = coverage(50, judge=compressing)
    within, _ = coverage(50, judge=compressing, labelled=True)
    assert without < 0.92 < within
