"""Run-to-run variances, drawn towards the pooled one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.stats.shrinkage import shares_of_noise, shrunken_variances


def test_a_variance_of_five_epochs_counts_as_much_as_the_pooled_one():
    """κ = 4 and five epochs (ν = 4) are equal weights: halfway between own and pooled.

    Case a: 0, 0, 0, 0, 1 has s² = 0.2; case b has 0. Pooled 0.1: a → 0.15, b → 0.05.
    """
    found = shrunken_variances({"a": [0, 0, 0, 0, 1], "b": [0.7] * 5})
    assert found == pytest.approx({"a": 0.15, "b": 0.05})


def test_without_shrinking_they_are_numpys_variances():
    """κ = 0 leaves each its own; the oracle is numpy, on unequal numbers of epochs."""
    rng = np.random.default_rng(4)
    cases = {f"c{i}": rng.random(2 + i % 5).tolist() for i in range(20)}
    found = shrunken_variances(cases, kappa=0)
    for name, values in cases.items():
        assert math.isclose(found[name], np.var(values, ddof=1))


def test_endless_shrinking_leaves_only_the_pooled_variance():
    """κ → ∞: Σ ν s² / Σ ν for all, whoever wavered."""
    cases = {"a": [0.0, 1.0, 0.5], "b": [0.2, 0.4]}
    pooled = (2 * np.var(cases["a"], ddof=1) + np.var(cases["b"], ddof=1)) / 3
    found = shrunken_variances(cases, kappa=1e12)
    assert found == pytest.approx({"a": pooled, "b": pooled}, rel=1e-6)


def test_a_case_with_one_value_has_the_pooled_variance():
    """It says nothing of its own; it does not count as steady."""
    found = shrunken_variances({"once": [0.9], "a": [0.0, 1.0]})
    assert found["once"] == pytest.approx(0.5)
    # κ 4, ν 1: (0.5 + 4·0.5)/5, its own being the pooled.
    assert found["a"] == pytest.approx(0.5)


def test_lucky_two_epochs_rank_below_a_case_seen_to_waver_often():
    """Near miss: by plain variance the two-epoch case would lead (0.32 against 0.3)."""
    cases = {
        "twice": [0.0, 0.8],
        "often": [0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
        "c": [1.0] * 6,
        "d": [1.0] * 6,
    }
    found = shrunken_variances(cases)
    assert np.var(cases["twice"], ddof=1) > np.var(cases["often"], ddof=1)
    assert found["often"] > found["twice"] > found["c"]


def test_rounding_is_not_wavering():
    """0.1 + 0.2 against 0.3: equal to the last bit but one."""
    assert shrunken_variances({"a": [0.1 + 0.2, 0.3, 0.3]}) == {"a": 0.0}


@pytest.mark.parametrize(
    ("cases", "kappa"),
    [
        ({}, 4),
        ({"a": [0.5]}, 4),
        ({"a": [], "b": [0.1, 0.2]}, 4),
        ({"a": [0.1, math.nan]}, 4),
        ({"a": [0.1, 0.2]}, -1),
        ({"a": [0.1, 0.2]}, math.nan),
    ],
)
def test_what_has_no_variance_is_refused(cases, kappa):
    with pytest.raises(ValueError, match=r"needs|must"):
        shrunken_variances(cases, kappa)


def test_shares_add_up_to_one_and_to_nothing_where_nothing_wavers():
    """3 : 1 is 75 % : 25 %; near miss: all steady is no division by zero."""
    assert shares_of_noise({"a": 0.3, "b": 0.1}) == pytest.approx({"a": 0.75, "b": 0.25})
    assert shares_of_noise({"a": 0.0, "b": 0.0}) == {"a": 0.0, "b": 0.0}
