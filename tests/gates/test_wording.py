"""Numbers in sentences."""

from __future__ import annotations

import pytest

from evalkit.gates.wording import count, increase, listed, p_value, percent, score


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


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8614, "0.861"), (-0.0131, "−0.013"), (-0.0004, "0.000"), (1.0, "1.000"), (10.0, "10.000")],
)
def test_scores_have_a_true_minus(value, text):
    assert score(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.179, "+17.9 %"), (0.899, "−10.1 %"), (1.0, "0.0 %"), (0.9999, "0.0 %"), (3.0, "+200.0 %")],
)
def test_ratios_are_told_as_increases(ratio, text):
    assert increase(ratio) == text


def test_counts_and_lists():
    assert (count(1, "case"), count(0, "case"), count(2, "case")) == (
        "1 case",
        "0 cases",
        "2 cases",
    )
    assert listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
