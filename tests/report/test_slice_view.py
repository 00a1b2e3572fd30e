"""Slices show where a metric moved, the worst first, and never as a test."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest
from scipy import stats

from evalkit.report.case_view import case_views
from evalkit.report.slice_view import question_type, slice_tables
from tests.builders import make_baseline, make_run
from tests.report import sample

DROPS = (0.0, 0.1, 0.2, 0.1, 0.1, 0.0)


def cases(values, *, questions=None, tags=None, clusters=None, before=0.9):
    """Case views of one metric `f`: now − 0.9 by case id."""
    ids = list(values)
    run = make_run({"f": values}, clusters=clusters)
    asked = tuple(
        replace(
            case, input=(questions or {}).get(case.id, "how?"), tags=(tags or {}).get(case.id, ())
        )
        for case in run.cases
    )
    baseline = make_baseline({"f": dict.fromkeys(ids, before)})
    saved, _ = sample.passing()
    return case_views(
        replace(run, cases=asked),
        replace(saved.decision, verdicts=()),
        baseline,
        metrics=["f"],
        gated=frozenset({"f"}),
        prefix="s1",
    )


def moved(drops, prefix="c"):
    return {f"{prefix}{i}": 0.9 - drop for i, drop in enumerate(drops)}


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who wrote it?", "who"),
        ("whose idea was it", "who"),
        ("What's the difference?", "what"),
        ("which method", "what"),
        ("When did it end", "when"),
        ("where is it", "where"),
        ("“Why?” she asked", "why"),
        ("How many are there", "how"),
        ("Is it open?", "yes-no"),
        ("Isn't it open?", "yes-no"),
        ("don't they know", "yes-no"),
        ("In which year did it end", "other"),  # the first word decides
        ("whatever happened", "other"),  # no prefix of a word counts
        ("Wann war das?", "other"),
        ("", "other"),
        ("42?", "other"),
    ],
)
def test_the_first_word_is_the_type_of_a_question(question, kind):
    assert question_type(question) == kind


def test_a_slice_has_means_change_interval_and_n():
    """The interval is that of a paired t over its six cases."""
    values = moved(DROPS) | moved([0.0] * 6, prefix="z")
    questions = {case: "why?" for case in values if case.startswith("c")}
    (table,) = slice_tables(cases(values, questions=questions), ["f"])
    worst = table.rows[0]
    low, high = stats.ttest_1samp([-drop for drop in DROPS], 0.0).confidence_interval()
    assert (worst.kind, worst.name, worst.n) == ("question", "why", "6")
    assert (worst.was, worst.now, worst.change) == ("0.900", "0.817", "−0.083")
    assert worst.change == f"−{fmean(DROPS):.3f}"
    assert worst.interval == f"[−{-low:.3f}, −{-high:.3f}]"
    assert table.said == "worst: question why −0.083 (n = 6)"


def test_the_worst_change_comes_first_and_colour_needs_an_interval_without_zero():
    values = moved([0.1, 0.11] * 3) | moved([-0.05, 0.06] * 3, "m") | moved([-0.1, -0.09] * 3, "z")
    tags = {case: (case[0],) for case in values}
    (table,) = slice_tables(cases(values, tags=tags), ["f"])
    assert [(row.name, row.step) for row in table.rows] == [("c", -1), ("m", 0), ("z", 1)]


def test_four_cases_are_no_slice_and_five_are():
    for n, found in ((4, False), (5, True)):
        values = moved([0.1] * n) | moved([0.0] * 9, "z")
        tags = {case: ("rare",) for case in values if case.startswith("c")}
        tables = slice_tables(cases(values, tags=tags), ["f"])
        assert any(row.name == "rare" for table in tables for row in table.rows) is found


def test_a_slice_of_every_case_is_the_metric_itself():
    assert slice_tables(cases(moved(DROPS)), ["f"]) == ()


def test_cases_of_one_document_are_one_slice_and_share_their_error():
    """Two documents of three cases each under one tag leave one degree of freedom, not five."""
    values = moved([0.1, 0.1, 0.1, 0.0, 0.0, 0.0]) | moved([0.0] * 6, "z")
    tags = {case: ("t",) for case in values if case.startswith("c")}
    apart = slice_tables(cases(values, tags=tags), ["f"])[0].rows[0]
    clusters = {case: "one" if case in ("c0", "c1", "c2") else "two" for case in tags}
    shared = slice_tables(cases(values, tags=tags, clusters=clusters), ["f"])[0].rows[0]
    assert shared.change == apart.change
    # CR1: residuals add to ±0.15 in each, so SE = √(2 · 2 · 0.15²)/6 = 0.05; t(1) is 12.7.
    assert (apart.step, shared.interval) == (0, "[−0.685, +0.585]")


def test_an_interval_ends_where_changes_do():
    """Two documents that moved apart: ±12.7 · SE goes far beyond a change of 1 either way."""
    values = moved([0.9, 0.9, 0.9, 0.0, 0.0, 0.0]) | moved([0.0] * 6, "z")
    tags = {case: ("t",) for case in values if case.startswith("c")}
    clusters = {case: "one" if case in ("c0", "c1", "c2") else "two" for case in tags}
    row = slice_tables(cases(values, tags=tags, clusters=clusters), ["f"])[0].rows[0]
    assert (row.change, row.interval) == ("−0.450", "[−1.000, +1.000]")


def test_a_tag_given_twice_counts_its_case_once():
    values = moved([0.1] * 5) | moved([0.0] * 6, "z")
    tags = {case: ("t", "t") for case in values if case.startswith("c")}
    rows = slice_tables(cases(values, tags=tags), ["f"])[0].rows
    assert [row.n for row in rows if row.kind == "tag"] == ["5"]


def test_a_document_of_five_cases_has_an_interval_of_its_own():
    values = moved([0.1, 0.2, 0.1, 0.2, 0.1]) | moved([0.0] * 6, "z")
    clusters = {case: "Olympic symbols" for case in values if case.startswith("c")}
    rows = slice_tables(cases(values, clusters=clusters), ["f"])[0].rows
    assert ("cluster", "Olympic symbols", "5") in [(row.kind, row.name, row.n) for row in rows]


def test_what_is_left_out_is_counted():
    values = {f"{letter}{i}": 0.8 for letter in "abcdefghijk" for i in range(5)}
    tags = {case: (case[0],) for case in values}
    (table,) = slice_tables(cases(values, tags=tags), ["f"])
    assert (len(table.rows), table.left) == (8, 3)


def test_a_case_without_a_score_before_or_now_is_in_no_slice():
    values = moved([0.1] * 5) | {"c5": None} | moved([0.0] * 6, "z")
    tags = {case: ("t",) for case in values if case.startswith("c")}
    (table,) = slice_tables(cases(values, tags=tags), ["f"])
    assert [row.n for row in table.rows if row.name == "t"] == ["5"]


def test_a_metric_that_stood_still_has_no_slices():
    """0.0006 is a thousandth when shown, 0.0004 is nothing."""
    for drop, n in ((0.0, 0), (0.0004, 0), (0.0006, 1)):
        values = moved([drop] * 5) | moved([0.0] * 6, "z")
        tags = {case: ("t",) for case in values if case.startswith("c")}
        assert len(slice_tables(cases(values, tags=tags), ["f"])) == n
