from __future__ import annotations

import pytest

from evalkit.detectors.us_ssn import USSSN


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SSN 536-22-1234", "536-22-1234"),
        ("filed under 900-31-8041.", "900-31-8041"),  # never issued by the SSA, and still personal
        ("my social security number is 536221234", "536221234"),
        ("SSN: 536 22 1234", "536 22 1234"),
        ("536\u201122\u20111234", "536\u201122\u20111234"),
    ],
)
def test_numbers_are_found(text, found):
    assert [finding.text for finding in USSSN().find(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "000-22-1234",
        "666-22-1234",
        "536-00-1234",
        "536-22-0000",
        "536-22-123",  # one digit short
        "536-22-12345",
        "1536-22-1234",
        "order 536221234",  # nine digits that nobody names
        "won 215 40 1905",  # a table of results
        "SSN 536-22 1234",
    ],
)
def test_near_misses_are_not(text):
    assert USSSN().find(text) == ()
