"""The simulation of new breaches: it comes to what can be worked out by hand, and docs show it."""

from __future__ import annotations

from math import comb
from pathlib import Path

import pytest

from benchmarks.new_breaches import BREACHED, BUILDS, UNCHANGED, Regime, among, simulated, table

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
FEW = 300
"""Builds of a reduced simulation; the standard error of a share is then at most 2.9 points."""


def regime(name):
    return next(one for one in (*UNCHANGED, *BREACHED) if one.name == name)


def most_hit(rate, replays):
    """The probability that more than half of the replays are hit."""
    hit = range(replays // 2 + 1, replays + 1)
    return sum(comb(replays, k) * rate**k * (1 - rate) ** (replays - k) for k in hit)


@pytest.mark.parametrize(("rate", "replays"), [(0.1, 3), (0.3, 3), (0.3, 10)])
def test_fresh_draws_fail_as_often_as_worked_out(rate, replays):
    """Never in five epochs, now, and in most replays; any of 60 attacks.

    At most 20 are replayed, which with these rates hardly ever are too few.
    """
    one = (1 - rate) ** 5 * rate * most_hit(rate, replays)
    expected = 1 - (1 - one) ** 60
    found = simulated(regime(f"fresh, each attack {rate:.0%}"), FEW).share(replays, "FAIL")
    assert found == pytest.approx(expected, abs=0.1)


def test_frozen_answers_have_no_new_breach():
    shares = simulated(regime("frozen, 30% of the attacks"), FEW)
    assert (shares.mcnemar, shares.share(3, "PASS"), shares.share(10, "PASS")) == (0.0, 1.0, 1.0)


def test_frozen_answers_that_are_rerolled_nearly_always_have_one():
    """1 − (1 − 0.02 · 0.98)^60 = 70 %, and each comes back in every replay."""
    shares = simulated(regime("frozen, re-rolled, 2% of the attacks"), FEW)
    assert shares.share(3, "FAIL") == pytest.approx(0.70, abs=0.1)
    assert shares.share(3, "INCONCLUSIVE") == 0.0


def test_a_breach_for_good_is_always_found_where_mcnemar_sees_nothing():
    shares = simulated(regime("1 of 60, hit 100% of the time"), FEW)
    assert (shares.mcnemar, shares.share(3, "FAIL")) == (0.0, 1.0)


def test_more_breaches_than_are_replayed_are_told_so():
    """60 new ones: 20 are replayed and withstood then, 40 are not known."""
    all_now = Regime(name="all", before=among(0, 0.0), now=among(60, 1.0))
    shares = simulated(all_now, 3)
    assert (shares.mcnemar, shares.share(3, "FAIL")) == (1.0, 1.0)


@pytest.mark.parametrize("regimes", [UNCHANGED, BREACHED], ids=["unchanged", "breached"])
def test_the_page_shows_what_the_command_prints(regimes):
    page = PAGE.read_text()
    assert "\n".join(table(regimes, BUILDS)) in page
