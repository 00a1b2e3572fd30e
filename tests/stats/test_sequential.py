"""Bounds of tests with several looks: published constants, the study's own, and plain cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from evalkit.stats.sequential import linear_bounds, obrien_fleming_bounds, tail

THIRDS = (0.5, 0.75, 1.0)


@pytest.mark.parametrize(
    ("looks", "bounds"),
    [
        # gsDesign(k, test.type = 1, sfu = sfLDOF), one-sided 0.025, equally spaced; two looks and
        # five are in Lan & DeMets (1983) and Jennison & Turnbull (2000) §7.2 too.
        (1, (1.960,)),
        (2, (2.963, 1.969)),
        (3, (3.710, 2.511, 1.993)),
        (5, (4.877, 3.357, 2.680, 2.290, 2.031)),
    ],
)
def test_published_bounds(looks, bounds):
    fractions = [k / looks for k in range(1, looks + 1)]
    assert obrien_fleming_bounds(fractions, 0.025) == pytest.approx(bounds, abs=6e-4)


@pytest.mark.parametrize(
    ("level", "bounds"), [(0.05, (2.536, 2.014, 1.719)), (0.0125, (3.339, 2.670, 2.281))]
)
def test_the_study_s_simulated_bounds(level, bounds):
    """`research/gating-statistics.md` §1.3; four million draws leave 0.006 at 3.3."""
    assert obrien_fleming_bounds(THIRDS, level) == pytest.approx(bounds, abs=6e-3)


def test_the_study_s_simulated_bounds_of_a_pass():
    assert linear_bounds(THIRDS, 0.10) == pytest.approx((1.644, 1.633, 1.533), abs=2e-3)


def test_one_look_is_the_plain_test():
    for level in (0.05, 0.0125, 0.001):
        for bounds in (obrien_fleming_bounds((1.0,), level), linear_bounds((1.0,), level)):
            assert bounds == pytest.approx((norm.ppf(1 - level),), abs=1e-9)


@pytest.mark.parametrize("spend", [obrien_fleming_bounds, linear_bounds])
@pytest.mark.parametrize("level", [0.1, 0.05, 0.004])
def test_the_level_is_spent_and_no_more(spend, level):
    """The chance to cross at some look, from SciPy's multivariate normal."""
    bounds = spend(THIRDS, level)
    covariance = [[math.sqrt(min(s, t) / max(s, t)) for s in THIRDS] for t in THIRDS]
    never = multivariate_normal.cdf(bounds, cov=covariance, abseps=1e-9, releps=1e-9)
    assert 1 - never == pytest.approx(level, rel=2e-3)


def test_the_level_is_spent_look_by_look():
    """Linear: half of 0.10 by half of the cases, three quarters of it by three quarters."""
    bounds = linear_bounds(THIRDS, 0.10)
    assert tail(bounds[0]) == pytest.approx(0.05, abs=1e-9)
    two = multivariate_normal.cdf(bounds[:2], cov=[[1, math.sqrt(2 / 3)], [math.sqrt(2 / 3), 1]])
    assert 1 - two == pytest.approx(0.075, abs=1e-4)


def test_looks_that_hold_other_shares_of_the_cases():
    """The near miss of a simulation with the increments drawn one by one."""
    fractions, level = (0.4, 0.9, 1.0), 0.05
    rng = np.random.default_rng(5)
    steps = np.sqrt(np.diff((0.0, *fractions)))
    z = np.cumsum(rng.normal(size=(400_000, 3)) * steps, axis=1) / np.sqrt(fractions)
    crossed = (z > obrien_fleming_bounds(fractions, level)).any(axis=1).mean()
    assert crossed == pytest.approx(level, abs=2.6 * math.sqrt(0.05 * 0.95 / 400_000))
    assert (z > 1.645).any(axis=1).mean() > 0.07  # what ignoring the looks would cost


def test_a_smaller_level_asks_for_more_at_every_look():
    wide, narrow = obrien_fleming_bounds(THIRDS, 0.05), obrien_fleming_bounds(THIRDS, 0.05 / 12)
    assert all(a < b for a, b in zip(wide, narrow, strict=True))


@pytest.mark.parametrize("fractions", [(), (0.5,), (0.5, 0.5, 1.0), (0.0, 1.0), (0.7, 0.5, 1.0)])
def test_fractions_grow_to_one(fractions):
    with pytest.raises(ValueError, match="fractions grow"):
        obrien_fleming_bounds(fractions, 0.05)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, math.nan])
def test_a_level_is_a_probability(level):
    with pytest.raises(ValueError, match="level"):
        linear_bounds(THIRDS, level)
