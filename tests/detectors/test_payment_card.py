from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.detectors.payment_card import PaymentCard, luhn


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("card 4242424242424242.", "4242424242424242"),
        ("4242 4242 4242 4242", "4242 4242 4242 4242"),
        ("4242-4242-4242-4242", "4242-4242-4242-4242"),
        ("3782 822463 10005", "3782 822463 10005"),
        ("4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2", "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2"),
        ("４２４２ ４２４２ ４２４２ ４２４２", "４２４２ ４２４２ ４２４２ ４２４２"),
        ("2026 4242 4242 4242 4242 123", "4242 4242 4242 4242"),  # inside a longer run
        ("2223003122003222", "2223003122003222"),
        ("180016070420458", "180016070420458"),
    ],
)
def test_card_numbers_are_found(text, found):
    assert [finding.text for finding in PaymentCard().find(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # wrong check digit
        "4242424242424",  # three digits short
        "9780306406157123",  # no network begins with 9
        "42424242424242424242",  # twenty digits
        "4242  4242  4242  4242",  # two spaces: columns of a table
        "1234 5678 9012 3456",
    ],
)
def test_near_misses_are_not(text):
    assert PaymentCard().find(text) == ()


def test_luhn_on_the_example_of_the_standard():
    # ISO/IEC 7812-1: 7992739871 has the check digit 3.
    assert [digit for digit in "0123456789" if luhn(f"7992739871{digit}")] == ["3"]


@given(st.text("0123456789", min_size=11, max_size=18))
def test_exactly_one_check_digit_is_right(digits):
    assert sum(luhn(digits + last) for last in "0123456789") == 1
