"""The bounds of tests in looks against those that gsDesign and SeqBounds print, and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from evalkit.stats.sequential import linear_bounds, obrien_fleming_bounds, tail


def no_crossing(fractions, bounds):
    """P(no look crosses its bound) of a Brownian motion without drift: a multivariate normal."""
    t = np.array(fractions)
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    law = scipy.stats.multivariate_normal(cov=correlation, abseps=1e-6, releps=1e-6, seed=1)
    return float(law.cdf(np.array(bounds)))


def random_fractions(seed):
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0.1, 1.0, int(rng.integers(1, 5)))
    return (*(float(t) for t in np.cumsum(steps)[:-1] / steps.sum()), 1.0)


def test_three_even_looks_are_gsdesigns():
    """gsDesign(k = 3, test.type = 1, alpha = 0.025, sfu = sfLDOF)$upper$bound."""
    found = obrien_fleming_bounds((1 / 3, 2 / 3, 1.0), 0.025)
    assert found == pytest.approx((3.710303, 2.511427, 1.993048), abs=1e-4)


def test_four_even_looks_are_seqbounds():
    """SeqBounds.jl's own example at its default grid: bounds([0.25, 0.5, 0.75, 1.0], 0.05)."""
    found = obrien_fleming_bounds((0.25, 0.5, 0.75, 1.0), 0.05)
    assert found == pytest.approx((3.74955, 2.53993, 2.01604, 1.72014), abs=3e-4)


def test_the_gates_own_looks_are_the_studys():
    """`research/gating-statistics.md` §1.3 found them by simulating four million paths."""
    looks = (0.5, 0.75, 1.0)
    assert obrien_fleming_bounds(looks, 0.05) == pytest.approx((2.536, 2.014, 1.719), abs=0.003)
    # So far out the paths are few: 0.05/4 leaves 1,700 of them to find the first bound by.
    assert obrien_fleming_bounds(looks, 0.0125) == pytest.approx((3.339, 2.670, 2.281), abs=0.01)
    assert linear_bounds(looks, 0.10) == pytest.approx((1.644, 1.633, 1.533), abs=0.003)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("level", [0.001, 0.05, 0.10])
@pytest.mark.parametrize("bounds", [obrien_fleming_bounds, linear_bounds])
def test_every_look_spends_what_it_may(bounds, level, seed):
    """Up to each look, what SciPy integrates is what the spending function has given out."""
    fractions = random_fractions(seed)
    found = bounds(fractions, level)
    edge = scipy.stats.norm.isf(level / 2)
    for k in range(1, len(fractions) + 1):
        t = fractions[k - 1]
        spent = level * t if bounds is linear_bounds else 2 * scipy.stats.norm.sf(edge / t**0.5)
        assert 1 - no_crossing(fractions[:k], found[:k]) == pytest.approx(spent, abs=1e-5)


@pytest.mark.parametrize("level", [1e-4, 0.05, 0.5])
@pytest.mark.parametrize("bounds", [obrien_fleming_bounds, linear_bounds])
def test_one_look_is_the_plain_test(bounds, level):
    assert bounds((1.0,), level) == pytest.approx((scipy.stats.norm.isf(level),))


@pytest.mark.parametrize("z", [-8.0, -1.0, 0.0, 1.959964, 8.0])
def test_a_bounds_level_is_the_normal_tail(z):
    assert tail(z) == pytest.approx(scipy.stats.norm.sf(z), rel=1e-12)
