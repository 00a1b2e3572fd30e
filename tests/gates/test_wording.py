"""Numbers in sentences."""

from __future__ import annotations

import pytest

from evalkit.gates.wording import count, listed, p_value, percent


@pytest.mark.parametrize(
    ("share", "text"), [(0.0457, "4.6 %"), (0.02, "2.0 %"), (1.0, "100.0 %"), (0.0004, "0.04 %")]
)
def test_shares(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.00034, "p = 0.00034"), (0.00005, "p < 0.0001"), (0.0, "p < 0.0001"), (1.0, "p = 1")],
)
def test_p_values(p, text):
    assert p_value(p) == text


def test_counts_and_lists():
    assert (count(1, "case"), count(0, "case"), count(2, "case")) == (
        "1 case",
        "0 cases",
        "2 cases",
    )
    assert listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
