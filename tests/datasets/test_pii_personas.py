"""The invented people: every value valid in form, unique, and nobody's."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evalkit.attacks.pii_leakage import SECRETS
from evalkit.datasets import read_jsonl
from evalkit.detectors import DETECTORS

FOLDER = Path(__file__).parents[2] / "datasets" / "pii_personas" / "2"
FICTION = (
    r"\((202|303|404|505|606)\) 555-01\d\d",
    r"07700 900\d{3}|01632 960\d{3}|020 7946 0\d{3}",
    r"(01 99 00|02 61 91|03 53 01|04 65 71|05 36 49|06 39 98) \d\d \d\d",
    r"(030 23125|069 90009|040 66969|0221 4710|089 99998) \d{3}",
    r"070-174 06 (0[5-9]|[1-9]\d)",
)
UNUSED_SSN = r"9\d\d-(1[1-6]|2[0-7]|3[0-6]|4[0-8])-(?!0000)\d{4}"
FIELDS = ("id", "name", "email", "phone", "card", "iban", "ssn", "town", "employer", "text")


def personas() -> list[dict[str, Any]]:
    return [dict(row.fields) for row in read_jsonl(FOLDER / "personas.jsonl")]


def passes_luhn(number: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, the digits' sum ends in 0."""
    digits = [int(digit) for digit in reversed(number.replace(" ", ""))]
    return sum(sum(divmod(d * 2, 10)) if at % 2 else d for at, d in enumerate(digits)) % 10 == 0


def passes_mod_97(iban: str) -> bool:
    """ISO 13616: country and check digits to the end, letters as 10 to 35, remainder 1."""
    compact = iban.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        # The test number that Stripe publishes, and the example of the UK in the IBAN registry.
        (passes_luhn, "4242 4242 4242 4242", "4242 4242 4242 4243"),
        (passes_mod_97, "GB29 NWBK 6016 1331 9268 19", "GB92 NWBK 6016 1331 9268 19"),
    ],
)
def test_the_checks_know_right_from_wrong(check: Any, right: str, wrong: str) -> None:
    """A known answer and a near miss, so that the tests below mean something."""
    assert check(right)
    assert not check(wrong)


def test_there_are_eighty_with_every_field_stated_in_the_text() -> None:
    """A value that the text does not state is not planted, and would never leak."""
    rows = personas()
    assert len(rows) == 80
    assert "| personas | 80 |" in (FOLDER / "CARD.md").read_text(encoding="utf-8")
    for row in rows:
        assert tuple(row) == FIELDS
        for field in FIELDS[1:-1]:
            assert row[field] in row["text"], (row["id"], field)
        assert re.search(r"\b\d{1,2} [A-Z][a-z]+ 19\d\d\b", row["text"])
        assert 3 <= len(re.findall(r"\.(?: |$)", row["text"])) <= 5


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_occurs_twice(field: str) -> None:
    """A hit must name one person."""
    values = [row[field] for row in personas()]
    assert len(set(values)) == len(values)


def test_no_value_of_one_persona_stands_in_the_text_of_another() -> None:
    """Else answering about one would count as a leak of the other."""
    rows = personas()
    for row in rows:
        for other in rows:
            if other is not row:
                assert not any(row[field] in other["text"] for field in FIELDS[1:-1])


def test_numbers_are_valid_and_from_ranges_that_are_nobodys() -> None:
    """Valid, so that recognisers find them; reserved or never issued, so that they reach no one."""
    for row in personas():
        assert re.fullmatch(r"[a-z]+\.[a-z]+@example\.(com|org|net)", row["email"])
        assert re.fullmatch(r"\d{4}( \d{4}){3}", row["card"])
        assert passes_luhn(row["card"])
        assert re.fullmatch(r"DE\d\d 0000 0000( \d{4}){2} \d\d|GB\d\d ZZZZ 0000 00.*", row["iban"])
        assert len(row["iban"].replace(" ", "")) == 22
        assert passes_mod_97(row["iban"])
        assert re.fullmatch(UNUSED_SSN, row["ssn"])


def test_telephone_numbers_are_of_five_countries_and_kept_for_fiction() -> None:
    """Sixteen of each country, in the stretch that its authority keeps."""
    found = [
        [place for place, form in enumerate(FICTION) if re.fullmatch(form, row["phone"])]
        for row in personas()
    ]
    assert Counter(place for places in found for place in places) == dict.fromkeys(range(5), 16)
    assert all(len(places) == 1 for places in found)


@pytest.mark.parametrize(
    ("pattern", "kept", "not_kept"),
    [
        (FICTION[0], "(202) 555-0199", "(202) 555-0200"),
        (FICTION[1], "07700 900999", "07700 901000"),
        (FICTION[1], "020 7946 0999", "020 7946 1000"),
        (FICTION[2], "01 99 00 99 99", "01 99 01 00 00"),
        (FICTION[3], "0221 4710 999", "0221 4711 000"),
        (FICTION[4], "070-174 06 05", "070-174 06 04"),
        (UNUSED_SSN, "900-11-0001", "900-10-0001"),  # an IRSN
        (UNUSED_SSN, "900-48-0001", "900-49-0001"),  # an IRSN
        (UNUSED_SSN, "900-40-0001", "900-50-0001"),  # an ITIN
        (UNUSED_SSN, "900-40-0001", "899-40-0001"),  # a social security number
        (UNUSED_SSN, "900-40-0001", "900-40-0000"),
    ],
)
def test_the_patterns_end_where_the_ranges_end(pattern: str, kept: str, not_kept: str) -> None:
    """Each with the last number inside and the first outside."""
    assert re.fullmatch(pattern, kept)
    assert not re.fullmatch(pattern, not_kept)


@pytest.mark.parametrize(("field", "kind"), SECRETS.items())
def test_every_secret_is_recognised_to_the_character(field: str, kind: str) -> None:
    """What no recogniser finds, no guardrail could have kept back."""
    detector = DETECTORS.get(kind)()
    for row in personas():
        assert row[field] in {finding.text for finding in detector.find(row["text"])}, row["id"]


def test_a_card_that_every_model_knows_is_not_planted() -> None:
    """A model that makes up an example says one of these; that is no leak."""
    known = {"4242 4242 4242 4242", "4111 1111 1111 1111", "5555 5555 5555 4444"}
    assert not known & {row["card"] for row in personas()}
