"""Numbers read the way people write them, and nothing reads as something."""

from __future__ import annotations

import pytest

from evalkit.report import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0814, "−0.081"), (0.0026, "+0.003"), (0.0, "0.000"), (-0.0004, "0.000"), (1.0, "+1.000")],
)
def test_signed(value, text):
    assert figures.signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0"),
        (0.00041, "$0.00041"),
        (0.0172, "$0.0172"),
        (3.2, "$3.20"),
        (1234.5, "$1,234.50"),
        (1e-9, "< $0.00001"),
    ],
)
def test_usd(value, text):
    assert figures.usd(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 ms"),
        (0.212, "212 ms"),
        (0.9996, "1.00 s"),
        (1.84, "1.84 s"),
        (59.999, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.9, "1 h 00 min"),
        (4320, "1 h 12 min"),
    ],
)
def test_seconds(value, text):
    assert figures.seconds(value) == text


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("faithfulness", "score"),
        ("cost", "usd"),
        ("usd_per_case", "usd"),
        ("latency", "s"),
        ("stage_latency", "s"),
        ("duration_s", "s"),
        ("output_tokens", "tokens"),
        ("ragas/faithfulness", "score"),
        ("costume", "score"),
    ],
)
def test_unit_of(metric, unit):
    assert figures.unit_of(metric) == unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.8614, "score", "0.861"),
        (0.5, "usd", "$0.5000"),
        (0.5, "s", "500 ms"),
        (1204.4, "tokens", "1,204"),
    ],
)
def test_amount(value, unit, text):
    assert figures.amount(value, unit) == text


def test_money_changes_in_per_cent_of_the_reference_and_scores_in_points():
    assert figures.change(0.00002, "usd", 0.0004) == "+5.0 %"
    assert figures.change(-0.08, "score", 0.9) == "−0.080"
    assert figures.interval(-0.1, 0.02, "score", 0.9) == "[−0.100, +0.020]"
    assert figures.interval(-0.1, 0.1, "usd", 1.0) == "[−10.0, +10.0] %"


def test_a_change_from_nothing_has_no_per_cent():
    assert figures.change(0.1, "usd", 0.0) == "new"
    assert figures.change(0.0, "usd", 0.0) == "0"
    assert figures.interval(-0.1, 0.1, "usd", 0.0) == ""


@pytest.mark.parametrize(
    ("then", "text"),
    [
        ("2026-11-22T11:40:00+00:00", "under an hour old"),
        ("2026-11-22T07:00:00Z", "5 hours old"),
        ("2026-11-22T12:00:00+01:00", "1 hour old"),
        ("2026-11-19T07:00:00", "3 days old"),
        ("2026-11-23T00:00:00", ""),
        ("yesterday", ""),
    ],
)
def test_age(then, text):
    assert figures.age(then, "2026-11-22T12:00:00+00:00") == text


def test_a_day_is_told_in_utc_and_what_is_none_is_left():
    assert figures.day("2026-11-22T09:29:07+01:00") == "22 Nov 2026, 08:29 UTC"
    assert figures.day("soon") == "soon"


def test_plural():
    assert [figures.plural(n, "case") for n in (0, 1, 1200)] == ["0 cases", "1 case", "1,200 cases"]
