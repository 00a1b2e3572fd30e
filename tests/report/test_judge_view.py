"""A judge is named, held against people's labels, and its drops are divided by its J."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.records import Judgement, Looks, Spend, Stop
from evalkit.report.judge_view import Yardstick, judge_view, judged_metrics
from tests.builders import make_run
from tests.report.instrumented import calibration

RUN = make_run({"f": {"a": 0.5}, "g": {"a": 0.5}})


def view(*calibrations, judged=("f",), compared=("f",), suite="rag_quality"):
    return judge_view(calibrations, suite=suite, judged=judged, compared=compared)


# ── which metrics ask it ─────────────────────────────────────────────────────────────────────────


def labelled(label: str):
    first, *others = RUN.scores
    judged = Judgement(unit="c1", text="t", label=label)
    return replace(RUN, scores=(replace(first, judgements=(judged,)), *others))


def test_a_run_shows_which_metrics_asked_the_judge():
    assert judged_metrics(RUN) == frozenset()
    assert judged_metrics(labelled("supported")) == {"f"}
    spend = Spend(case_id="", repeat=0, part="g", calls=3)
    assert judged_metrics(replace(RUN, spends=(spend,))) == {"g"}
    known = tuple(replace(score, known=True) for score in RUN.scores[:1])
    assert judged_metrics(replace(RUN, scores=(*known, *RUN.scores[1:]))) == {"f"}
    stop = Stop(metric="g", sizes=(1,), look=1, spared=())
    looked = replace(RUN, looks=Looks(seed="s", tests=1, stops=(stop,)))
    assert judged_metrics(looked) == {"g"}


@pytest.mark.parametrize("label", ["useful", "not_useful", "resisted", "leaked"])
def test_labels_that_code_gives_as_well_show_no_judge(label):
    """A gold passage is called useful by recall@k, a detector says resisted."""
    assert judged_metrics(labelled(label)) == frozenset()


def test_the_calls_of_the_target_are_no_metric():
    spends = tuple(Spend(case_id="", repeat=0, part=part, calls=3) for part in ("answer", "ingest"))
    assert judged_metrics(replace(RUN, spends=spends)) == frozenset()


def test_what_is_known_to_ask_counts_where_the_run_measured_it():
    assert judged_metrics(RUN, ("g", "elsewhere")) == {"g"}


# ── its cards ────────────────────────────────────────────────────────────────────────────────────


def test_a_card_has_every_figure_with_its_interval():
    """90 of 100 supported and 75 of 100 unsupported are found: J = 0.90 + 0.75 − 1."""
    (card,) = view(calibration(unanswered=4)).cards
    assert (card.labels, card.n) == ("begin", "200 labels, 4 without a verdict")
    assert card.j.startswith("0.65 [0.5")
    assert card.balanced_accuracy.startswith("0.82 [0.7")  # (0.65 + 1) / 2 = 0.825
    assert card.sensitivity.startswith("0.90 [")
    assert card.specificity.startswith("0.75 [")
    assert (card.made, card.weak) == ("20 Nov 2026", False)


def test_a_judge_that_sees_less_than_half_is_weak():
    """0.70 + 0.79 − 1 = 0.49, against 0.70 + 0.80 − 1 = 0.50."""
    assert view(calibration(right=70, wrong=79)).cards[0].weak
    assert not view(calibration(right=70, wrong=80)).cards[0].weak


def test_the_worst_card_comes_first_and_names_whose_answers_it_is_of():
    own = calibration("labels.csv", right=95, wrong=95, suite="rag_quality", metric="f")
    assert [card.labels for card in view(own, calibration()).cards] == [
        "begin",
        "labels.csv (rag_quality, f)",
    ]


def test_labels_of_one_kind_measure_nothing():
    one = replace(calibration(), true_negatives=0, false_positives=0)
    found = view(one)
    assert (found.cards, found.said) == ((), "not calibrated; detects as judged")


def test_a_suite_that_asks_no_judge_has_nothing_to_say_of_it():
    found = view(calibration(), judged=())
    assert (found.asked, found.cards, found.said) == (False, (), "")


def test_without_a_comparison_there_is_nothing_to_divide():
    found = view(calibration(), compared=())
    assert (len(found.cards), found.said, dict(found.yardsticks)) == (1, "", {})


# ── what a drop is in truth ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("j", "detectable", "true"),
    [
        (0.65, 0.031, "0.048"),  # 0.031 / 0.65 = 0.0477
        (1.0, 0.031, "0.031"),
        (0.05, 0.06, "over 1"),
        (0.0, 0.031, "none"),
        (-0.2, 0.031, "none"),
    ],
)
def test_a_drop_is_divided_by_j(j, detectable, true):
    assert Yardstick(j=j, interval="", labels="").true(detectable) == true


def test_a_suite_s_own_labels_are_its_yardstick_even_where_they_are_kinder():
    own = calibration("labels.csv", right=95, wrong=95, suite="rag_quality", metric="f")
    found = view(own, calibration(), judged=("f", "g"), compared=("f", "g"))
    assert (found.yardsticks["f"].labels, found.yardsticks["g"].labels) == ("labels.csv", "begin")
    assert found.said.startswith("detects as judged; true: f ÷ J 0.90 [")
    assert "; g ÷ J 0.65 [" in found.said


def test_of_several_general_sets_the_worst_divides():
    kinder = calibration("halueval", right=97, wrong=93)
    found = view(kinder, calibration())
    assert found.yardsticks["f"].labels == "begin"
    assert found.said.startswith("detects as judged; true: f ÷ J 0.65 [")
    assert found.said.endswith(" on begin")


def test_labels_of_another_metric_say_nothing():
    others = calibration("labels.csv", right=60, wrong=60, suite="rag_quality", metric="g")
    assert view(others, calibration()).yardsticks["f"].labels == "begin"
    assert dict(view(others).yardsticks) == {}


def test_labels_of_another_suite_count_as_a_general_set():
    """The lowest J of them all."""
    others = calibration("labels.csv", right=60, wrong=60, suite="faq", metric="f")
    assert view(others, calibration()).yardsticks["f"].labels == "labels.csv"


def test_each_target_of_a_suite_has_the_suite_s_own_labels():
    own = calibration("labels.csv", right=95, wrong=95, suite="rag_quality", metric="f")
    found = view(own, calibration(), suite="rag_quality@small")
    assert found.yardsticks["f"].labels == "labels.csv"
