"""Scores are in [0, 1] or are not scores; an estimate lies within its interval."""

from __future__ import annotations

import math

import pytest

from evalkit.records import Comparison, Estimate, Score

OUTSIDE = [math.nan, math.inf, -0.001, 1.001]


def score(**changes):
    return Score(**({"case_id": "c", "repeat": 0, "metric": "m", "value": 0.5} | changes))


def estimate(**changes):
    given = {
        "metric": "m", "value": 0.5, "low": 0.4, "high": 0.6, "confidence": 0.95, "n": 3,
        "n_missing": 0, "n_clusters": 3, "method": "t",
    }  # fmt: skip
    return Estimate(**(given | changes))


def comparison(**changes):
    given = {
        "metric": "m", "kind": "regression", "reference": 0.9, "now": 0.8, "delta": -0.1,
        "low": -0.2, "high": 0.0, "standard_error": 0.05, "df": 29, "p_value": 0.04,
        "n_pairs": 30, "n_clusters": 30, "smallest_detectable": 0.1, "method": "paired t",
    }  # fmt: skip
    return Comparison(**(given | changes))


@pytest.mark.parametrize("value", OUTSIDE)
def test_a_score_is_within_0_and_1(value):
    """Named by metric and case, so that a build says whose it was."""
    with pytest.raises(ValueError, match="m of c must be finite and within"):
        score(value=value)


@pytest.mark.parametrize("value", [0.0, 1.0, 1])
def test_both_ends_are_scores(value):
    assert score(value=value).value == value


@pytest.mark.parametrize("value", OUTSIDE)
def test_a_part_is_within_0_and_1_too(value):
    """The second of two: each is looked at."""
    with pytest.raises(ValueError, match=r"m\.rate of c must be finite"):
        score(parts=(("fine", 0.5), ("rate", value)))


def test_an_estimate_needs_a_score():
    """A mean of nothing is no number; one score is a mean, if a poor one."""
    assert estimate(n=1).n == 1
    with pytest.raises(ValueError, match="at least one score"):
        estimate(n=0)


@pytest.mark.parametrize("changes", [{"low": 0.51}, {"high": 0.49}])
def test_an_estimate_lies_within_its_interval(changes):
    with pytest.raises(ValueError, match="m: value outside its interval"):
        estimate(**changes)


def test_an_interval_may_be_a_point():
    """All scores equal: no spread, and no error."""
    assert estimate(low=0.5, high=0.5).low == 0.5


@pytest.mark.parametrize("name", ["value", "low", "high"])
def test_an_estimate_is_finite(name):
    with pytest.raises(ValueError, match=rf"m\.{name} must be finite"):
        estimate(**{name: math.nan})


@pytest.mark.parametrize(
    "name", ["reference", "now", "delta", "low", "high", "smallest_detectable"]
)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_comparison_is_finite(name, value):
    """A t statistic over no spread must not reach a verdict as infinity."""
    with pytest.raises(ValueError, match=rf"m\.{name} must be finite"):
        comparison(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("standard_error", -0.1), ("p_value", 1.1), ("p_value", -0.1), ("p_adjusted", math.nan)],
)
def test_errors_and_probabilities_are_what_they_can_be(name, value):
    with pytest.raises(ValueError, match=f"{name} must be finite"):
        comparison(**{name: value})


def test_until_holm_has_seen_it_a_test_proves_nothing():
    """The adjusted p-value starts at 1: a forgotten adjustment cannot redden a build."""
    assert comparison().p_adjusted == 1.0
