"""The 2×2 of contexts and generators, and what each side's part of the change is."""

from __future__ import annotations

import pytest

from evalkit.records import Attribution


def attribution(**means):
    return Attribution(gate="g", metric="m", cases=("a",), **means)


def test_each_side_is_averaged_over_the_other():
    """Retriever (0.5 − 1 + 0 − 0)/2 = −0.25, generator (0 − 1 + 0 − 0.5)/2 = −0.75."""
    both = attribution(old_old=1.0, old_new=0.0, new_old=0.5, new_new=0.0)
    assert (both.retriever, both.generator) == (-0.25, -0.75)


def test_the_sides_add_up_to_the_change():
    one = attribution(old_old=0.9, old_new=0.7, new_old=0.8, new_new=0.3)
    assert one.retriever + one.generator == pytest.approx(0.3 - 0.9)


def test_a_side_that_did_nothing_has_no_part():
    """Another generator on the same contexts: the near miss is a part of −0.0 for the other."""
    one = attribution(old_old=0.9, old_new=0.4, new_old=0.9, new_new=0.4)
    assert (one.retriever, one.generator) == (0.0, -0.5)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_mean_outside_the_scores_is_refused(value):
    with pytest.raises(ValueError, match=r"g\.new_old"):
        attribution(new_old=value)
