from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.attacks.canaries import ALPHABET, HALF, canary, contaminated, shown
from evalkit.records import Canary


def test_the_alphabet_has_no_leet_twins_and_is_large_enough():
    # 14 characters of 19: 14 * log2(19) = 59.5 bits.
    assert len(set(ALPHABET)) == 19
    assert not set(ALPHABET) & set("0O1IL3E4A5S7T8BG")


def test_a_resumed_run_plants_the_same_token():
    assert canary(1, "a") == canary(1, "a")
    assert canary(1, "a") != canary(1, "b")
    assert canary(1, "a") != canary(2, "a")


def test_the_derivation_is_pinned():
    """Another derivation would make every journal and recording of an attack worthless."""
    assert canary(20261122, "case").assembled == "UHXMJJMCYMV9HQ"


@given(st.integers(), st.text())
def test_halves_are_of_the_alphabet(seed, case_id):
    marker = canary(seed, case_id)
    for part in (marker.first, marker.second):
        assert len(part) == HALF
        assert set(part) <= set(ALPHABET)


def test_a_half_in_the_corpus_is_contamination():
    marker = Canary(first="269CDFH", second="JKMNPQR")
    assert contaminated(marker, ["nothing", "a 269cdfh here"])
    assert not contaminated(marker, ["269CDF", "HJKMNPQ"])


def test_a_report_names_a_canary_without_showing_it():
    marker = canary(1, "a")
    assert len(shown(marker)) == 8
    assert shown(marker) not in marker.assembled.lower()
