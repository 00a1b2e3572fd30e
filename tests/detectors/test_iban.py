from __future__ import annotations

import pytest

from evalkit.detectors.iban import IBAN, mod_97


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("GB29 NWBK 6016 1331 9268 19", "GB29 NWBK 6016 1331 9268 19"),
        ("IBAN: DE89370400440532013000.", "DE89370400440532013000"),
        ("to gb29nwbk60161331926819 now", "gb29nwbk60161331926819"),
        ("NO93-8601-1117-947", "NO93-8601-1117-947"),
        ("MT84 MALT 0110 0001 2345 MTLC AST0 01S", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
    ],
)
def test_account_numbers_are_found(text, found):
    assert [finding.text for finding in IBAN().find(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "GB29 NWBK 6016 1331 9268 18",  # wrong check digits
        "GB29 NWBK 6016 1331 9268 1",  # one character short
        "GB29 NWBK 6016 1331 9268 190",  # one too long
        "ZZ29 NWBK 6016 1331 9268 19",  # no such country
        "XGB29NWBK60161331926819",  # in the middle of a word
        "GB29  NWBK 6016 1331 9268 19",  # two spaces
        "GB29",
    ],
)
def test_near_misses_are_not(text):
    assert IBAN().find(text) == ()


def test_mod_97_on_the_example_of_the_registry():
    assert mod_97("GB82WEST12345698765432")
    assert not mod_97("GB82WEST12345698765423")
