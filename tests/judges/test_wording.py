from __future__ import annotations

import math
from collections import Counter

import pytest

from evalkit.judges import wording
from evalkit.judges.wording import SYLLABLES, draw, letters

MEANINGS = ("supported", "contradicted", "unsupported")


def test_the_same_content_draws_the_same_words():
    assert draw({"a": "x"}, MEANINGS) == draw({"a": "x"}, MEANINGS)


def test_other_content_draws_other_words():
    one, other = draw({"a": "x"}, MEANINGS), draw({"a": "y"}, MEANINGS)
    assert one.nonce != other.nonce
    assert not set(one.words.values()) & set(other.words.values())


def test_a_word_holds_45_bits_and_the_nonce_64():
    assert len(set(SYLLABLES)) == len(SYLLABLES) == 90
    assert wording.WORD_SYLLABLES * math.log2(90) > 45
    assert wording.NONCE_SYLLABLES * math.log2(90) > 64
    drawn = draw({}, MEANINGS)
    assert len(drawn.nonce) == 20
    assert {len(word) for word in drawn.words.values()} == {14}


def test_words_of_a_call_begin_differently():
    for i in range(300):
        words = draw({"i": i}, MEANINGS).words.values()
        assert len({word[:2] for word in words}) == 3


def test_meanings_and_words_are_paired_both_ways():
    drawn = draw({}, MEANINGS)
    assert set(drawn.words) == set(MEANINGS)
    assert {drawn.meanings[word] for word in drawn.words.values()} == set(MEANINGS)


@pytest.mark.parametrize("hide", [str, str.upper, "-".join, " 7 ".join, "\u0301".join, list])
def test_a_word_that_the_data_holds_is_drawn_anew(hide, monkeypatch):
    """Also in capitals, spelled out, with accents, or in pieces."""
    # The seed without the texts: else another text would draw other words anyway.
    monkeypatch.setattr(wording.codec, "canonical", lambda content: b"always the same")
    free = draw({}, MEANINGS)
    for taken in (free.nonce, *free.words.values()):
        again = draw({"text": hide(taken)}, MEANINGS)
        if hide is list:  # a letter a text: the lines between them are no letters either
            again = draw({"deep": [{"text": letter} for letter in taken]}, MEANINGS)
        assert taken not in (again.nonce, *again.words.values())


def test_half_a_word_in_the_data_changes_nothing(monkeypatch):
    monkeypatch.setattr(wording.codec, "canonical", lambda content: b"always the same")
    free = draw({}, MEANINGS)
    assert draw({"text": free.words["supported"][:-1]}, MEANINGS) == free


def test_letters_are_what_is_left_of_a_text():
    assert letters("S-u p—port 12 é ſ") == "supportes"


def test_every_syllable_and_every_first_meaning_is_about_equally_likely():
    """9,000 syllables: 100 ± 10 of each; five standard deviations is 50."""
    stream = wording._syllables(b"seed")
    counts = Counter(next(stream) for _ in range(9000))
    assert all(50 < counts[syllable] < 150 for syllable in SYLLABLES)
    first = Counter(next(iter(draw({"i": i}, MEANINGS).words)) for i in range(900))
    assert all(230 < first[meaning] < 370 for meaning in MEANINGS)  # 300 ± 14
