from __future__ import annotations

import pytest

from evalkit.detectors.ip_address import IPAddress


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 192.0.2.17.", "192.0.2.17"),
        ("(198.51.100.255)", "198.51.100.255"),
        ("2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
        ("6e40:4041:c617:e898:c11:40d2:c669:2eb4", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"),
        ("::ffff:192.0.2.1 ", "::ffff:192.0.2.1"),
    ],
)
def test_addresses_are_found(text, found):
    assert [finding.text for finding in IPAddress().find(text)] == [found]


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.256",
        "192.0.2",
        "192.0.2.1.5",
        "version 1.2.3.4",
        "see section 3.1.2.1",
        "12:30:45",
        "a::b",
        "std::vector",
        "2001:db8:::1",
        "01.02.03.04",  # leading zeros: a date or a part number
    ],
)
def test_near_misses_are_not(text):
    assert IPAddress().find(text) == ()
