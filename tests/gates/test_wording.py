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


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (p_value(0.0502), "p = 0.0502"),  # above α, where two digits say 0.05
        (p_value(0.050001), "p = 0.050001"),
        (p_value(0.05), "p = 0.05"),
        (p_value(0.0496), "p = 0.05"),  # at most α, as 0.05 is
        (score(0.0199, beside=0.02), "0.0199"),
        (score(0.79996, beside=0.8), "0.79996"),
        (score(0.8, beside=0.8), "0.800"),
        (score(0.1 + 0.7, beside=0.8), "0.800"),  # 0.7999…, which is 0.8
        (score(0.8004, beside=0.8), "0.8004"),
        (score(0.81, beside=0.8), "0.810"),
        (score(0.7996, beside=0.7998), "0.7996"),  # 0.800 is above the limit
        (score(-0.04998, beside=-0.05), "−0.04998"),
        (score(0.8 - 1e-9, beside=0.8), "0.800000"),  # six decimals at most
        (percent(0.0503, beside=0.05), "5.03 %"),
        (percent(0.0457, beside=0.05), "4.6 %"),
        (increase(1.2004, beside=1.2), "+20.04 %"),
        (increase(1.2, beside=1.2), "+20.0 %"),
        (increase(1.0000049, beside=1.0), "+0.0005 %"),
        (increase(0.7004, beside=0.7), "−29.96 %"),
    ],
)
def test_a_number_beside_its_limit_is_shown_on_its_own_side(told, text):
    assert told == text


def test_counts_and_lists():
    assert (count(1, "case"), count(0, "case"), count(2, "case")) == (
        "1 case",
        "0 cases",
        "2 cases",
    )
    assert listed(list("abcde")) == "a, b, c, d, e"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
