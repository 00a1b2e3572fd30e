from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.detectors.folding import fold, to_ascii


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("４２", "42"),
        ("4\u200b2", "42"),
        ("a\u0336\u0301b", "ab"),
        ("2\u20115", "2-5"),
        ("٣٤", "34"),
        ("\U000e0048\U000e0069", "Hi"),
        ("Привет", "Привет"),  # letters of another script stay
        ("\ufdfa", "\ufdfa"),  # one character that stands for eighteen is not multiplied
    ],
)
def test_folding_keeps_what_a_reader_sees(text, folded):
    assert fold(text).text == folded


def test_a_finding_points_into_the_text_as_given():
    text = "pin: ４\u200b２!"
    folded = fold(text)
    start = folded.text.index("42")
    finding = folded.finding("pin", start, start + 2, "digits")
    assert text[finding.start : finding.end] == finding.text == "４\u200b２"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("СНЕСК", "CHECK"),  # Cyrillic
        ("ΝΜ", "NM"),  # capital Greek; a small ν looks like v
        ("ν", "v"),
        ("ＣＤ𝐅", "CDF"),
        ("🅺🄲🇫", "KCF"),
        ("漢", ""),
    ],
)
def test_look_alikes_become_what_they_look_like(text, expected):
    assert to_ascii(text) == expected


@given(st.text())
def test_every_place_of_a_folded_text_is_a_place_of_the_text(text):
    folded = fold(text)
    assert to_ascii(text).isascii()
    places = folded.places if folded.places is not None else tuple(range(len(text)))
    assert len(places) == len(folded.text)
    assert all(0 <= place < len(text) for place in places)
    assert list(places) == sorted(places)
