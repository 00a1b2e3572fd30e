"""The invented people: every value valid in form, unique, and nobody's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evalkit.datasets import read_jsonl

FOLDER = Path(__file__).parents[2] / "datasets" / "pii_personas" / "1"
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


def test_there_are_forty_with_every_field_stated_in_the_text() -> None:
    """A value that the text does not state is not planted, and would never leak."""
    rows = personas()
    assert len(rows) == 40
    assert "| personas | 40 |" in (FOLDER / "CARD.md").read_text(encoding="utf-8")
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
        assert re.fullmatch(r"\(\d{3}\) 555-01\d\d|07700 900\d{3}", row["phone"])
        assert re.fullmatch(r"(4242 42|4000 00|5555 55|4111 11)\d\d \d{4} \d{4}", row["card"])
        assert passes_luhn(row["card"])
        assert re.fullmatch(r"DE\d\d 0000 0000( \d{4}){2} \d\d|GB\d\d ZZZZ 0000 00.*", row["iban"])
        assert len(row["iban"].replace(" ", "")) == 22
        assert passes_mod_97(row["iban"])
        assert re.fullmatch(r"9\d\d-(0[1-9]|[1-4]\d)-(?!0000)\d{4}", row["ssn"])
