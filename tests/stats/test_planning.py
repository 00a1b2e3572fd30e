"""Margins, cases and epochs, against statsmodels and against simulation."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from evalkit.stats.paired import lower_bound, p_drop, sample_mean
from evalkit.stats.planning import (
    advised_epochs,
    advised_margin,
    cases_needed,
    power,
    run_share,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from statsmodels.stats.power import TTestPower


@pytest.mark.parametrize(("metrics", "factor"), [(1, 2.9), (4, 3.6)])
def test_the_margins_are_the_rules_of_thumb(metrics, factor):
    """z_.95 + z_.90 = 2.93 for one metric, z_.95 + z_.974 = 3.59 for four that must all pass."""
    assert round(advised_margin(1.0, 10_000, metrics=metrics), 1) == factor


def test_at_a_hundred_cases_and_the_studys_spread_it_is_the_studys_margin():
    """sd(d) 0.19, n = 100: about 0.055 for one metric, 0.07 for four jointly (§1.2)."""
    assert advised_margin(0.019, 99) == pytest.approx(0.055, abs=0.002)
    assert advised_margin(0.019, 99, metrics=4) == pytest.approx(0.07, abs=0.002)


def test_an_unchanged_build_passes_at_the_advised_margin_nine_times_in_ten():
    """Simulated, n = 40, sd 0.2, 4,000 builds: 90 % within three Monte-Carlo errors (1.4 pp).

    Near miss: at two thirds of the margin fewer than 75 % pass.
    """
    rng = np.random.default_rng(11)
    clusters = range(40)
    margin = advised_margin(0.2 / math.sqrt(40), 39)
    bounds = np.array(
        [lower_bound(sample_mean(rng.normal(0, 0.2, 40).tolist(), clusters)) for _ in range(4000)]
    )
    assert np.mean(bounds > -margin) == pytest.approx(0.90, abs=0.015)
    assert np.mean(bounds > -margin * 2 / 3) < 0.75


@pytest.mark.parametrize("n", [2, 5, 30, 117, 400])
@pytest.mark.parametrize("effect", [0.05, 0.25, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("level", [0.05, 0.0125])
def test_power_is_statsmodels(n, effect, level):
    """The noncentral t, the same from both."""
    oracle = TTestPower().power(effect, n, level, df=n - 1, alternative="larger")
    assert power(0.2, n, effect * 0.2, level=level) == pytest.approx(float(oracle), abs=1e-6)


def test_no_drop_is_found_as_often_as_the_level_says():
    """A true drop of 0 is a false alarm: 5 %."""
    assert power(0.2, 50, 0.0) == pytest.approx(0.05)


@pytest.mark.parametrize("spread", [0.05, 0.13, 0.19, 0.4])
@pytest.mark.parametrize("drop", [0.02, 0.05, 0.1])
def test_the_cases_needed_are_statsmodels_rounded_up(spread, drop):
    exact = TTestPower().solve_power(drop / spread, None, 0.05, 0.80, alternative="larger")
    n = cases_needed(spread, drop)
    assert n == math.ceil(exact)
    assert power(spread, n, drop) >= 0.80 > power(spread, n - 1, drop)


def test_the_cases_needed_find_the_drop_when_drawn():
    """Simulated: sd 0.2, drop 0.05, as many cases as named: 80 % within three errors."""
    rng = np.random.default_rng(12)
    n = cases_needed(0.2, 0.05)
    assert n == 101
    found = [
        p_drop(sample_mean(rng.normal(-0.05, 0.2, n).tolist(), range(n))) <= 0.05
        for _ in range(2500)
    ]
    assert np.mean(found) == pytest.approx(0.80, abs=0.025)


def test_without_spread_two_cases_are_enough_and_a_hairs_breadth_is_never_found():
    assert cases_needed(0.0, 0.05) == 2
    assert cases_needed(0.4, 0.0001) is None


def test_the_run_share_is_known_from_the_model():
    """Run variance 0.01, five epochs before and one now, 100 cases: 0.01·1.2/100 = 0.00012.

    With an SE² of 0.00024 that is half; with one below the run noise it is all, never more.
    """
    assert run_share(0.01, math.sqrt(0.00024), 100) == pytest.approx(0.5)
    assert run_share(0.01, math.sqrt(0.00024), 100, now=3) == pytest.approx(2 / 9)
    assert run_share(0.01, 0.001, 100) == 1.0
    assert run_share(0.0, 0.0, 100) == 0.0


def test_epochs_are_advised_only_where_they_help():
    """Up to half the noise: none more. All of it: even three leave it all, and no more are named.

    Share 0.6: one epoch more leaves 0.6·0.7/1.2 = 0.35 beside 0.4, which is less than half.
    """
    assert [advised_epochs(share) for share in (0.0, 0.5, 0.51, 0.6, 0.7, 1.0)] == [
        1, 1, 2, 2, 3, 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "call",
    [
        lambda: advised_margin(-0.1, 99),
        lambda: advised_margin(0.1, 99, metrics=0),
        lambda: advised_margin(0.1, 99, passing=1.0),
        lambda: advised_margin(math.nan, 99),
        lambda: power(0.0, 10, 0.1),
        lambda: power(0.1, 1, 0.1),
        lambda: cases_needed(0.1, 0.0),
        lambda: cases_needed(math.inf, 0.1),
        lambda: run_share(-1.0, 0.1, 10),
        lambda: run_share(1.0, 0.1, 0),
        lambda: advised_epochs(1.1),
    ],
)
def test_what_cannot_be_planned_is_refused(call):
    with pytest.raises(ValueError, match="got"):
        call()
