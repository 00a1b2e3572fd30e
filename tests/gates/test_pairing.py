"""Run and baseline by case: who is compared, and whose passages or answers are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.baselines import answer_digest, passages_digest
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.pairing import changed_share, pair, shown_the_same
from evalkit.gates.versus import VersusGate
from evalkit.records import Answer, Failure, Passage
from tests.builders import by_case, decided, make_baseline, make_run, measured, noisy

N = 60


def passages(*texts):
    return tuple(
        Passage(document_id=t, chunk_id=t, text=t, rank=i, similarity=0.5)
        for i, t in enumerate(texts, 1)
    )


SHOWN = Answer(text="a", passages=passages("one", "two"))


def measurement(now=0.7, before=0.8, *, answers=None, epochs=None, judged_on="passages"):
    """A drop of 0.1 in every case; `answers` and `epochs` differ for the cases they name."""
    ids = list(by_case([0.0] * N))
    run = make_run({"m": dict.fromkeys(ids, now)})
    trials = tuple(replace(t, outcome=(answers or {}).get(t.case_id, SHOWN)) for t in run.trials)
    baseline = make_baseline({"m": dict.fromkeys(ids, before)})
    shown = {i: (epochs or {}).get(i, (SHOWN,) * 5) for i in ids}
    cases = tuple(
        replace(
            case,
            passages=tuple(passages_digest(a) for a in shown[case.id]),
            answers=tuple(answer_digest(a) for a in shown[case.id]),
        )
        for case in baseline.cases
    )
    found = measured(replace(run, trials=trials), replace(baseline, cases=cases))
    return replace(found, judged_on={"m": judged_on})


GATE = MetricGate(name="m")


def test_the_same_passages_are_no_test_of_the_retriever():
    """The judge scored them lower, and may be wrong; nothing it was shown has changed."""
    found = measurement()
    verdict = decided(GATE, found)
    assert verdict.outcome == "PASS"
    assert verdict.reason == (
        "the passages are the baseline's in all 60 cases; the judge scored them −0.100 differently"
    )
    assert GATE.family(found) == ()
    assert GATE.tests(found) == ()


@pytest.mark.parametrize(
    "other",
    [
        passages("one"),
        passages("two", "one"),
        passages("one", "two!"),
        (),
    ],
    ids=["fewer", "order", "text", "none"],
)
def test_one_case_with_other_passages_makes_it_a_test(other):
    found = measurement(answers={"c007": replace(SHOWN, passages=other)})
    assert decided(GATE, found).outcome == "FAIL"
    assert GATE.family(found) == ("regression",)


def test_another_answer_on_the_same_passages_is_no_test():
    found = measurement(answers={"c007": replace(SHOWN, text="b")})
    assert decided(GATE, found).outcome == "PASS"


def test_a_metric_judged_on_answers_is_always_tested():
    assert decided(GATE, measurement(judged_on="answer")).outcome == "FAIL"
    assert decided(GATE, measurement(judged_on="")).outcome == "FAIL"


def test_epochs_that_found_other_passages_make_it_a_test():
    """A retriever that found these in one epoch of five may now always find the worse ones."""
    mixed = (SHOWN, *(replace(SHOWN, passages=passages("three")),) * 4)
    assert decided(GATE, measurement(epochs={"c007": mixed})).outcome == "FAIL"


def test_repeats_that_found_just_what_mixed_epochs_found_are_tested():
    """Which passages come how often may have changed."""
    other = replace(SHOWN, passages=passages("three"))
    found = measurement(epochs={"c007": (SHOWN, *(other,) * 4)})
    first, *_ = [t for t in found.run.trials if t.case_id == "c007"]
    again = replace(first, repeat=1, outcome=other)
    twice = replace(found, run=replace(found.run, trials=(*found.run.trials, again)))
    assert not shown_the_same(twice, "m")


def test_a_trial_that_failed_has_no_passages():
    failure = Failure(stage="answer", error_type="TimeoutError", message="slow")
    assert not shown_the_same(measurement(answers={"c007": failure}), "m")


def test_a_baseline_without_digests_makes_it_a_test():
    found = measurement()
    bare = tuple(replace(case, passages=()) for case in found.baseline.cases)
    assert decided(GATE, replace(found, baseline=replace(found.baseline, cases=bare))).outcome == (
        "FAIL"
    )
    assert not shown_the_same(replace(found, baseline=None), "m")


def test_a_floor_counts_whatever_the_passages():
    gate = MetricGate(name="m", floor=0.75)
    found = measurement()
    assert gate.family(found) == ("floor",)
    assert [c.outcome for c in decided(gate, found).checks] == ["PASS", "FAIL"]


def test_the_family_is_the_tests_that_there_are():
    """Beside a metric with the same passages another one is tested as if alone."""
    # −0.05 with SE = 0.183/√59 = 0.02383: t = −2.099, p = 0.0201; of two tests it would be 0.0402.
    now = noisy(0.45, spread=0.183)
    plain = measured(make_run({"f": now}), make_baseline({"f": by_case([0.5] * N)}))
    same, tested = measurement(0.8), measurement(0.8, judged_on="answer")
    for found, p in ((same, 0.0201), (tested, 0.0402)):
        (_, decision) = decide_build([([GATE], found), ([MetricGate(name="f")], plain)])
        assert decision.comparisons[0].p_adjusted == pytest.approx(p, abs=2e-4)


def test_the_release_s_passages_count_for_the_release():
    found = measurement()
    same = replace(found, lane="release", release=found.baseline)
    assert GATE.family(same) == ()
    assert [(c.kind, c.outcome) for c in decided(GATE, same).checks] == [
        ("regression", "PASS"), ("release", "PASS"),
    ]  # fmt: skip
    before = measurement(epochs={"c007": (replace(SHOWN, passages=()),) * 5}).baseline
    other = replace(same, release=before)
    assert GATE.family(other) == ("release",)
    assert [c.outcome for c in decided(GATE, other).checks] == ["PASS", "FAIL"]


def test_two_targets_with_the_same_passages_are_no_test_either():
    found = measurement()
    found = replace(found, rivals=(("full", found.baseline),), baseline=None)
    gate = VersusGate(name="v", metric="m")
    assert gate.family(found) == gate.tests(found) == ()
    assert decided(gate, found).outcome == "PASS"


def test_the_share_of_changed_answers():
    answers = {f"c{i:03}": replace(SHOWN, text="b") for i in range(15)}
    found = measurement(answers=answers)
    ids = pair(found, "m").ids
    assert changed_share(found, ids) == 0.25
    assert changed_share(found, {"c000"}) == 1.0
    # An answer of any epoch is known.
    mixed = {i: (SHOWN, *(replace(SHOWN, text="b"),) * 4) for i in answers}
    assert changed_share(measurement(answers=answers, epochs=mixed), ids) == 0.0
    assert changed_share(replace(found, baseline=None), ids) == 0.0
