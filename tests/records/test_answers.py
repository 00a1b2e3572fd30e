"""What a target did: counts add up, ranks begin at 1, nothing is negative or infinite."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest

from evalkit.records import Answer, Cost, Failure, Passage, Trial, Usage


def passage(**changes):
    given = {"document_id": "d", "chunk_id": "d#1", "text": "t", "rank": 1, "similarity": 0.5}
    return Passage(**(given | changes))


def test_usages_add_up_field_by_field():
    """3 + 10, of them 1 + 4 read from a cache and 2 + 6 written to one; 2 + 5 out."""
    first = Usage(input_tokens=3, cached_input_tokens=1, cache_write_tokens=2, output_tokens=2)
    second = Usage(input_tokens=10, cached_input_tokens=4, cache_write_tokens=6, output_tokens=5)
    total = Usage(input_tokens=13, cached_input_tokens=5, cache_write_tokens=8, output_tokens=7)
    assert first + second == total
    assert first + Usage() == first


def test_costs_add_up():
    assert Cost(usd=0.25) + Cost(usd=0.5) == Cost(usd=0.75)


@pytest.mark.parametrize(
    "name", ["input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens"]
)
def test_a_count_of_tokens_is_not_negative(name):
    """A provider that reports −1 for "unknown" has reported nothing."""
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        Usage(**{"input_tokens": 5, name: -1})


def test_cached_tokens_are_part_of_the_input():
    """All of it may be read from a cache or written to one; more than all cannot be."""
    assert Usage(input_tokens=5, cached_input_tokens=5).input_tokens == 5
    assert Usage(input_tokens=5, cached_input_tokens=3, cache_write_tokens=2).input_tokens == 5
    with pytest.raises(ValueError, match="are part of input_tokens"):
        Usage(input_tokens=5, cached_input_tokens=6)
    with pytest.raises(ValueError, match="are part of input_tokens"):
        Usage(input_tokens=5, cached_input_tokens=3, cache_write_tokens=3)


@pytest.mark.parametrize("usd", [-0.01, math.nan, math.inf])
def test_a_cost_is_a_finite_amount(usd):
    with pytest.raises(ValueError, match="usd must be finite"):
        Cost(usd=usd)


def test_ranks_count_from_one():
    """0 is the first index of a list, and no rank."""
    assert passage(rank=1).rank == 1
    with pytest.raises(ValueError, match="counts from 1, got 0"):
        passage(rank=0)


@pytest.mark.parametrize("similarity", [math.nan, math.inf])
def test_a_similarity_is_finite(similarity):
    """Any scale will do, also below 0: BM25 and cosines differ."""
    assert passage(similarity=-3.5).similarity == -3.5
    with pytest.raises(ValueError, match="similarity must be finite"):
        passage(similarity=similarity)


@pytest.mark.parametrize("latency_s", [-0.1, math.nan, math.inf])
def test_a_latency_is_a_finite_time(latency_s):
    with pytest.raises(ValueError, match="latency_s must be finite"):
        Answer(text="a", latency_s=latency_s)


def test_an_answer_may_be_empty():
    """An empty text is an answer, to be judged; a target that gave none is a `Failure`."""
    assert Answer(text="").usage == Usage()
    failure = Failure(stage="answer", error_type="TimeoutError", message="slow")
    assert Trial(case_id="c", repeat=0, outcome=failure).outcome == failure


def test_records_are_frozen_and_have_no_room_for_more():
    with pytest.raises(FrozenInstanceError):
        Cost().usd = 1.0
    assert not hasattr(Cost(), "__dict__")
