"""The rates that every promise of a build rests on."""

from __future__ import annotations

from evalkit.gates import limits


def test_the_limits_are_those_that_were_simulated():
    """Changing one changes what a green build means: measure again, then change it here too."""
    assert (limits.ALPHA, limits.POWER, limits.CONFIDENCE) == (0.05, 0.80, 0.95)
    assert (limits.MAX_MISSING, limits.MAX_EXCLUDED) == (0.02, 0.10)


def test_rounding_slack_is_far_below_what_a_score_can_show():
    assert 0.0 < limits.ROUNDING <= 1e-9
