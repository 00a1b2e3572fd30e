"""What calls took: counts that hold together, amounts that are finite."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import codec
from evalkit.records import ANSWERING, Cost, Spend, Usage, added

SPEND = {"case_id": "c", "repeat": 0, "part": ANSWERING, "calls": 2}


def test_nothing_is_spent_unless_said():
    spend = Spend(**SPEND)
    assert (spend.cached_calls, spend.retries, spend.waited_s) == (0, 0, 0.0)
    assert (spend.usage, spend.billed, spend.cold) == (Usage(), Cost(), Cost())


def test_cached_calls_are_part_of_the_calls():
    """All of them may be cached; more than all cannot be."""
    assert Spend(**SPEND, cached_calls=2).cached_calls == 2
    for cached in (3, -1):
        with pytest.raises(ValueError, match="cached_calls are part of calls"):
            Spend(**SPEND, cached_calls=cached)


def test_shared_calls_are_part_of_the_calls():
    """What an earlier part of the trial asked too is a call all the same."""
    assert Spend(**SPEND, shared_calls=2).shared_calls == 2
    for shared in (3, -1):
        with pytest.raises(ValueError, match="shared_calls are part of calls"):
            Spend(**SPEND, shared_calls=shared)


def test_attempts_that_all_failed_are_no_call():
    """Retries alone: the part has no reply, and may have been billed."""
    spend = Spend(**(SPEND | {"calls": 0}), retries=5, billed=Cost(usd=0.1))
    assert (spend.calls, spend.retries) == (0, 5)


def test_retries_are_not_negative():
    with pytest.raises(ValueError, match="retries must not be negative"):
        Spend(**SPEND, retries=-1)


@pytest.mark.parametrize("waited_s", [-0.1, math.nan, math.inf])
def test_waiting_is_a_finite_time(waited_s):
    with pytest.raises(ValueError, match="waited_s must be finite"):
        Spend(**SPEND, waited_s=waited_s)


def test_it_is_read_back_as_it_was_written():
    """It travels in journals and in saved runs."""
    spend = Spend(
        **SPEND, cached_calls=1, retries=1, waited_s=0.25, billed=Cost(usd=0.1), cold=Cost(usd=0.2),
        usage=Usage(input_tokens=9, cached_input_tokens=4, cache_write_tokens=2, output_tokens=3),
    )  # fmt: skip
    data = codec.loads_strict(codec.canonical(codec.encode(spend)), where="w")
    assert codec.decode(Spend, data, where="w") == spend


@given(st.lists(st.floats(0.0, 50.0), min_size=2, max_size=30), st.randoms())
def test_a_total_does_not_depend_on_the_order_of_its_parts(amounts, random):
    """Two runs finish their cases in different orders, and must save the same bytes."""

    def total(order):
        found = None
        for usd in order:
            one = Spend(case_id="c", repeat=0, part="answer", calls=1, cold=Cost(usd=usd))
            found = added(found, one)
        return found

    shuffled = random.sample(amounts, len(amounts))
    assert total(shuffled) == total(amounts)
    assert total(amounts).cold.usd == pytest.approx(math.fsum(amounts), abs=1e-10)
    assert total(amounts).calls == len(amounts)
