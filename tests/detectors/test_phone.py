from __future__ import annotations

import pytest

from evalkit.detectors.phone import Phone


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(606) 555-0101", "(606) 555-0101"),
        ("905-674-3793", "905-674-3793"),
        ("+1-604-696-5272x565", "+1-604-696-5272x565"),
        ("+41 (0)71 526 99 04", "+41 (0)71 526 99 04"),
        ("07700 900037", "07700 900037"),
        ("0490 75 40 81", "0490 75 40 81"),
        ("call me at 699 956 915", "699 956 915"),
        ("my phone: 9498777106", "9498777106"),
    ],
)
def test_numbers_are_found(text, found):
    assert [finding.text for finding in Phone().find(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "from 1997-1998",
        "a crowd of 699 956 915",  # not called a telephone number
        "they called it 1939-1945",
        "(106) 555-0101",  # no area code begins with 1
        "905-174-3793",  # no exchange does
        "ISBN 0-393-04002-1",
        "1 000 000 people",
        "2026-11-22",
        "on 22.11.2026",
        "+41 7",
        "$905-674-3793",
    ],
)
def test_near_misses_are_not(text):
    assert Phone().find(text) == ()
