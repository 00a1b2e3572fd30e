"""Cases come in the order a reviewer wants them, and none goes missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.records import Decision, Looks, Run, Score, Stop, Unscored
from evalkit.report.case_view import case_views
from tests.builders import make_baseline, make_run
from tests.report import sample
from tests.report.pieces import METRICS, verdict

NOTHING = Decision(outcome="PASS", estimates=(), comparisons=(), verdicts=())


def views(run: Run, baseline=None, *, metrics=("f",), gated=("f",), decision=NOTHING, **more):
    return case_views(
        run, decision, baseline, metrics=metrics, gated=frozenset(gated), prefix="s1", **more
    )


def moves(*pairs: tuple[float, float], gate=("f",), **more):
    """Views of cases c0, c1, … with (before, now)."""
    before = {"f": {f"c{i}": was for i, (was, _) in enumerate(pairs)}}
    now = {"f": {f"c{i}": value for i, (_, value) in enumerate(pairs)}}
    return views(make_run(now), make_baseline(before), **more)


def test_the_largest_drop_comes_first_and_gains_last():
    found = moves((1.0, 0.9), (0.5, 1.0), (1.0, 0.2), (1.0, 1.0))
    assert [view.id for view in found] == ["c2", "c0", "c3", "c1"]
    assert [view.move for view in found] == ["−0.80", "−0.10", "0.00", "+0.50"]
    assert [view.status for view in found] == ["dropped", "dropped", "steady", "gained"]
    assert [view.moved for view in found] == [True, True, False, True]


def test_without_a_baseline_the_lowest_score_comes_first():
    found = views(make_run({"f": {"a": 0.7, "b": 0.2, "c": 1.0}}))
    assert [(view.id, view.move) for view in found] == [("b", "0.20"), ("a", "0.70"), ("c", "1.00")]
    assert not any(view.moved for view in found)


def test_a_gated_metric_weighs_before_the_others():
    before = {"f": {"a": 1.0, "b": 1.0}, "g": {"a": 1.0, "b": 1.0}}
    now = {"f": {"a": 1.0, "b": 0.9}, "g": {"a": 0.0, "b": 1.0}}
    found = views(make_run(now), make_baseline(before), metrics=("f", "g"))
    assert [(view.id, view.move_metric) for view in found] == [("b", "f"), ("a", "g")]


def test_what_was_not_measured_comes_before_every_drop_and_says_why():
    found = views(
        make_run({"f": {"a": 0.1, "b": None}}), make_baseline({"f": {"a": 1.0, "b": 1.0}})
    )
    first = found[0]
    assert (first.id, first.status, first.word) == ("b", "unmeasured", "not scored")
    assert first.problems[0].startswith("f not scored: ")
    assert first.failed
    assert first.cells[0].now == "?"
    assert first.cells[0].value is None


def test_a_missing_repeat_leaves_the_case_without_a_mean():
    run = make_run({"f": {"a": [1.0, None]}})
    assert views(run)[0].cells[0].value is None


def test_a_case_without_a_trial_is_named_as_such():
    run = replace(make_run({"f": {"a": 1.0}}), trials=(), scores=())
    view = views(run)[0]
    assert (view.status, view.word, view.cost) == ("unmeasured", "no answer", "–")
    assert view.problems == ("No answer: not one trial was recorded.",)


def test_a_case_the_baseline_does_not_know_is_new():
    found = views(make_run({"f": {"a": 0.9, "b": 1.0}}), make_baseline({"f": {"a": 1.0}}))
    assert [(view.id, view.status) for view in found] == [("a", "dropped"), ("b", "new")]
    assert found[1].word == "not in the baseline"


@pytest.mark.parametrize(
    ("was", "now", "step"),
    [(1.0, 0.5, -3), (1.0, 0.8, -2), (1.0, 0.99, -1), (0.5, 0.504, 0), (0.5, 1.0, 3)],
)
def test_a_change_is_graded(was, now, step):
    assert moves((was, now))[0].cells[0].step == step


def test_repeats_are_averaged_and_parts_too():
    run = make_run({"f": {"a": [1.0, 0.5]}})
    scores = tuple(
        replace(s, parts=(("rate", s.value),)) for s in run.scores if isinstance(s, Score)
    )
    cell = views(replace(run, scores=scores))[0].cells[0]
    assert cell.now == "0.75"
    assert cell.parts == (("rate", "0.75"),)


def test_a_metric_that_does_not_apply_is_told_from_one_that_failed():
    run = make_run({"f": {"a": 1.0, "b": 1.0}, "g": {"a": 1.0}})
    by_id = {view.id: view for view in views(run, metrics=("f", "g"))}
    assert by_id["b"].cells[1].now == "–"
    assert by_id["b"].status == "steady"


def test_breaches_come_first_and_undelivered_attacks_prove_nothing():
    saved, _ = sample.safety()
    found = views(saved.run, metrics=("attack_resistance",), decision=saved.decision)
    assert [(view.id, view.word) for view in found[:2]] == [
        ("attack-003", "attack succeeded"),
        ("attack-008", "leaked"),
    ]
    assert found[0].named_by == ("attack_resistance",)
    by_id = {view.id: view.attack for view in found}
    assert (by_id["attack-003"].outcome, by_id["attack-003"].delivered) == ("compromised", True)
    assert (by_id["attack-006"].outcome, by_id["attack-006"].delivered) == ("not judged", False)
    assert by_id["attack-004"].delivered  # through the user's turn it always arrives


def test_every_case_is_there_once_with_its_own_anchor():
    saved, baseline = sample.quality()
    found = views(saved.run, baseline, metrics=METRICS, decision=saved.decision)
    assert sorted(view.id for view in found) == sorted(case.id for case in saved.run.cases)
    assert [view.anchor for view in found] == [f"s1c{i}" for i in range(1, 61)]


def test_of_many_cases_those_at_the_top_are_whole_and_the_others_rows():
    saved, baseline = sample.quality()
    some = views(saved.run, baseline, metrics=METRICS, decision=saved.decision, whole=20)
    every = views(saved.run, baseline, metrics=METRICS, decision=saved.decision)
    assert [view.whole for view in some] == [True] * 20 + [False] * 40
    for short, full in zip(some, every, strict=True):
        assert full.whole
        assert short.trials == (full.trials if short.whole else ())
        # As a row it is the same.
        assert replace(short, whole=True, trials=()) == replace(full, trials=())


def test_a_failed_case_far_down_is_whole_before_a_steady_one_above_it():
    pairs = ((1.0, 0.4), (1.0, 1.0), (1.0, 1.0), (0.5, 1.0))
    red = verdict("f", ("floor", "FAIL", "c3 is named", None, ("c3",)))
    decision = replace(NOTHING, outcome="FAIL", verdicts=(red,))
    found = moves(*pairs, decision=decision, whole=2)
    assert [view.id for view in found] == ["c0", "c1", "c2", "c3"]
    assert [view.whole for view in found] == [True, False, False, True]


def test_a_repeat_with_the_same_passages_shows_them_once():
    saved, _ = sample.passing()
    first, second = views(saved.run, metrics=("faithfulness",))[0].trials
    assert (len(first.passages), first.same_passages) == (1, False)
    assert (len(second.passages), second.same_passages) == (0, True)


def test_sorting_keys_put_unmeasured_first_and_inapplicable_last():
    run = make_run({"f": {"a": 0.5, "b": None}, "g": {"a": 1.0}})
    by_id = {view.id: [cell.sort for cell in view.cells] for view in views(run, metrics=("f", "g"))}
    assert by_id == {"a": ["0.5000", "1.0000"], "b": ["-9", "9"]}
    assert any(isinstance(score, Unscored) for score in run.scores)


def test_a_spared_case_is_neither_missing_nor_unmeasured():
    run = make_run({"f": {"a": 0.5}, "g": {"a": 1.0, "b": 1.0}})
    stop = Stop(metric="f", sizes=(1, 2), look=1, spared=("b",))
    run = replace(run, looks=Looks(seed="s", tests=1, stops=(stop,)))
    before = make_baseline({"f": {"a": 0.9, "b": 0.9}, "g": {"a": 1.0, "b": 1.0}})
    by_id = {view.id: view for view in views(run, before, metrics=("f", "g"))}
    spared, judged = by_id["b"], by_id["a"]
    assert (spared.status, spared.failed, spared.problems) == ("steady", False, ())
    assert (spared.cells[0].now, spared.cells[0].was) == ("–", "0.90")
    assert spared.cells[0].sort == "9"  # among those that were not asked, not the worst
    assert spared.cells[0].said == "not judged: the gate had decided"
    assert (spared.cells[1].said, judged.cells[0].said) == ("", "")


def test_a_score_that_failed_is_missing_although_its_metric_stopped():
    run = make_run({"f": {"a": 0.5, "b": None}})
    stop = Stop(metric="f", sizes=(1, 2), look=1, spared=("b",))
    run = replace(run, looks=Looks(seed="s", tests=1, stops=(stop,)))
    by_id = {view.id: view for view in views(run, metrics=("f",))}
    assert (by_id["b"].status, by_id["b"].cells[0].said) == ("unmeasured", "")


def test_a_known_score_says_that_it_is_the_baseline_s():
    run = make_run({"f": {"a": 0.5, "b": 0.5}})
    scores = tuple(replace(s, known=True) if s.case_id == "a" else s for s in run.scores)
    by_id = {view.id: view for view in views(replace(run, scores=scores), metrics=("f",))}
    assert by_id["a"].cells[0].said == "the answer is the baseline's; its score too"
    assert by_id["a"].cells[0].now == "0.50"
    assert by_id["b"].cells[0].said == ""


def test_a_repeat_that_was_judged_keeps_a_score_from_being_called_known():
    run = make_run({"f": {"a": [0.5, 0.7]}})
    first, second = run.scores
    run = replace(run, scores=(replace(first, known=True), second))
    (view,) = views(run, metrics=("f",))
    assert view.cells[0].said == ""
