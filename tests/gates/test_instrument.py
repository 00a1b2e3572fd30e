"""What labels say of the judge, in a verdict: J, a drop in true units, and when it is too weak."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.gates.instrument import ratings, sight
from evalkit.gates.metric import MetricGate
from evalkit.gates.versus import VersusGate
from evalkit.records import Calibration, Rated
from tests.builders import by_case, decided, make_baseline, make_run, measured, noisy

N = 100


def card(sensitivity=0.9, specificity=0.8, *, labels="begin", suite="", metric="", n=100, rated=0):
    """A judge on `n` supported and `n` unsupported items."""
    return Calibration(
        schema_version=1, evalkit_version="0.1.0", made_at="2026-11-20", judge="j",
        labels=labels, labels_digest="d", unit="answer",
        true_positives=round(n * sensitivity), false_negatives=n - round(n * sensitivity),
        true_negatives=round(n * specificity), false_positives=n - round(n * specificity),
        suite=suite, metric=metric,
        ratings=tuple(Rated(id=str(i), human=0.5, judged=0.75) for i in range(rated)),
    )  # fmt: skip


def measurement(now, before=0.8, *, calibrations=(), judged_on="answer", note=""):
    found = measured(make_run({"m": now}), make_baseline({"m": dict.fromkeys(now, before)}))
    return replace(
        found, judged_on={"m": judged_on}, calibrations=tuple(calibrations), baseline_note=note
    )


def verdict(now=None, *cards, gate=None, **how):
    now = noisy(0.8, spread=0.05, n=N) if now is None else now
    found = measurement(now, calibrations=cards, **how)
    return decided(gate or MetricGate(name="m"), found)


def test_a_drop_is_told_as_judged_and_as_true():
    # SE = 0.05/√99 = 0.005025; (t_.95 + t_.80) on 99 df = 1.6604 + 0.8453: 0.0126; / 0.7 = 0.0180.
    found = verdict(None, card(0.9, 0.8))
    assert found.outcome == "PASS"
    assert "; detects 0.013 as judged, 0.018 true (J = 0.70 [" in found.reason
    assert "] on begin)" in found.reason


def test_a_judge_that_nobody_calibrated_is_named():
    found = verdict()
    assert found.outcome == "PASS"
    assert found.reason.endswith("; detects 0.013 as judged; judge not calibrated")


def test_a_metric_that_asks_no_judge_needs_no_calibration():
    found = verdict(None, card(0.6, 0.5), judged_on="")
    assert found.outcome == "PASS"
    assert "judge" not in found.reason


@pytest.mark.parametrize(("specificity", "outcome"), [(0.60, "PASS"), (0.59, "INCONCLUSIVE")])
def test_half_of_a_drop_is_the_least_a_judge_must_show(specificity, outcome):
    # 0.9 + 0.6 − 1 = 0.5, which is enough; 0.49 is not.
    found = verdict(None, card(0.9, specificity))
    assert found.outcome == outcome
    assert ("judge too weak: it sees 0.49 of a true drop" in found.reason) == (outcome != "PASS")


def test_a_margin_in_judged_units_may_be_ruled_out_by_any_judge():
    gate = MetricGate(name="m", margin_judged=True)
    assert verdict(None, card(0.6, 0.6), gate=gate).outcome == "PASS"


def test_a_weak_judge_still_fails_what_it_sees():
    found = verdict(noisy(0.6, n=N), card(0.6, 0.6))
    assert found.outcome == "FAIL"
    assert "0.20 [" in found.reason


def test_a_judge_that_tells_nothing_apart_has_no_true_drop():
    found = verdict(None, card(0.5, 0.5))
    assert found.outcome == "INCONCLUSIVE"
    assert "it sees 0.00 of a true drop" in found.reason
    assert "no true drop can be told from none (J = 0.00 [" in found.reason


def test_the_suite_s_own_labels_come_first_then_the_worst_set():
    own = card(0.95, 0.9, labels="ours", suite="rag_quality", metric="m")
    sets = [card(0.9, 0.8), card(0.8, 0.7, labels="halueval"), own]
    found = measurement(noisy(0.8), calibrations=sets)
    assert sight(found, "m").labels == "ours"
    assert sight(replace(found, calibrations=tuple(sets[:2])), "m").labels == "halueval"
    # A suite of several targets has its labels by the suite's name.
    fingerprint = replace(found.run.fingerprint, suite="rag_quality@small")
    several = replace(found, run=replace(found.run, fingerprint=fingerprint))
    assert sight(several, "m").labels == "ours"


def test_labels_of_another_metric_say_nothing_of_this_one():
    found = measurement(noisy(0.8), calibrations=[card(metric="other")])
    assert sight(found, "m") is None
    assert sight(replace(found, calibrations=()), "m") is None


def test_labels_of_one_kind_only_measure_no_judge():
    """Without an unsupported item nobody knows whether the judge would have seen it."""
    one = replace(card(), true_negatives=0, false_positives=0)
    assert sight(measurement(noisy(0.8), calibrations=[one]), "m") is None
    other = replace(card(), true_positives=0, false_negatives=0)
    assert sight(measurement(noisy(0.8), calibrations=[other]), "m") is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1.0, "all 100 scores are 1.000, now and before: a judge that approves of everything"),
        (0.5, "all 100 scores are 0.500, now and before: a judge that does not look"),
    ],
)
def test_a_judge_with_one_score_for_everything_is_no_clean_pass(value, told):
    now = by_case([value] * N)
    found = verdict(now, before=value)
    assert found.outcome == "PASS"
    assert told in found.reason


def test_scores_that_differ_anywhere_are_no_such_judge():
    assert "all 100" not in verdict(by_case([1.0] * (N - 1) + [0.9]), before=1.0).reason
    assert "all 100" not in verdict(by_case([1.0] * N), before=0.9).reason
    # Recall against gold passages may well be 1 everywhere.
    assert "all 100" not in verdict(by_case([1.0] * N), before=1.0, judged_on="").reason


@pytest.mark.parametrize(
    ("value", "cards", "told"),
    [
        (1.0, (), "; all 100 scores are 1.000: a judge that approves of everything would look "),
        (1.0, (), "the same; a level of the judge's own (judge not calibrated)"),
        (0.9, (card(),), "; a level of the judge's own (J = "),
        (0.9, (card(0.6, 0.6),), "; a level of the judge's own (judge too weak, J = "),
    ],
)
def test_a_floor_alone_says_what_is_known_of_the_judge(value, cards, told):
    gate = MetricGate(name="m", floor=0.8, compare=False)
    run = measured(make_run({"m": by_case([value] * N)}))
    found = replace(run, judged_on={"m": "answer"}, calibrations=cards)
    alone = decided(gate, found)
    assert alone.outcome == "PASS"
    assert told in alone.reason
    # Near misses: a metric without a judge, and a comparison, which says it already.
    assert decided(gate, replace(found, judged_on={})).reason.endswith("the floor 0.8")
    compared = replace(found, baseline=make_baseline({"m": by_case([value] * N)}))
    both = decided(replace(gate, compare=True), compared)
    assert both.checks[1].reason.endswith("reaches the floor 0.8")


def test_one_score_says_nothing_of_a_judge_that_gives_it():
    gate = MetricGate(name="m", floor=0.8, compare=False)
    found = replace(measured(make_run({"m": {"a": 1.0}})), judged_on={"m": "answer"})
    assert "1.000" not in decided(gate, found).reason


def test_a_judge_that_changed_is_said_of_every_comparison():
    note = "judge changed: the baseline's answers were judged again by today's"
    assert verdict(note=note).reason.endswith(note)
    assert verdict(noisy(0.5, n=N), note=note).reason.endswith(note)


def test_another_target_s_scores_are_the_same_judge_s():
    gate = VersusGate(name="v", metric="m")
    run = measured(make_run({"m": noisy(0.8, n=N)}))
    rival = make_baseline({"m": by_case([0.8] * N)})
    found = replace(
        run, rivals=(("full", rival),), judged_on={"m": "answer"}, calibrations=(card(0.6, 0.6),),
        baseline_note="judge changed",
    )  # fmt: skip
    weak = decided(gate, found)
    assert weak.outcome == "INCONCLUSIVE"
    assert "judge changed" not in weak.reason
    assert decided(replace(gate, margin_judged=True), found).outcome == "PASS"


def test_fifty_labels_of_the_suite_correct_a_level():
    def usable(**how):
        return len(ratings(measurement(noisy(0.8), calibrations=[card(**how)]), "m"))

    own = {"suite": "rag_quality", "metric": "m"}
    assert usable(rated=50, **own) == 50
    assert usable(rated=49, **own) == 0
    assert usable(rated=50) == 0
