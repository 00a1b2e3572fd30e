"""The coverage gate: what was to be measured was measured, once, and belongs to a case."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evalkit.gates.coverage import CoverageGate
from evalkit.records import Score, Trial
from tests.builders import by_case, make_baseline, make_run, measured


def verdict_of(run, gate=None, baseline=None):
    gate = gate or CoverageGate()
    measurement = measured(run, baseline)
    assert gate.tests(measurement) == ()
    return gate.decide(measurement, ())


def score(case_id="c000", repeat=0, metric="m"):
    return Score(case_id=case_id, repeat=repeat, metric=metric, value=1.0)


FULL = make_run({"m": by_case([1.0] * 60)})


def test_a_complete_run_passes():
    verdict = verdict_of(FULL)
    assert verdict.outcome == "PASS"
    assert verdict.reason == (
        "60 cases; each trial and score occurs once and belongs to a case; "
        "60 cases answered; 60 cases scored for m"
    )


@pytest.mark.parametrize(("n_failed", "outcome"), [(1, "PASS"), (2, "ERROR")])
def test_two_percent_of_the_cases_may_fail(n_failed, outcome):
    # 1 of 60 is 1.7 %, 2 of 60 are 3.3 %.
    failed = [(f"c{i:03}", 0) for i in range(n_failed)]
    verdict = verdict_of(make_run({"m": by_case([1.0] * 60)}, failed=failed))
    assert verdict.outcome == outcome
    trials = next(check for check in verdict.checks if check.kind == "trials")
    assert f"{n_failed} of 60 cases not answered" in trials.reason
    assert f"{n_failed} × TimeoutError in answer: slow" in trials.reason
    assert ("at most 2.0 % may be missing" in trials.reason) == (outcome == "ERROR")


def test_missing_scores_are_grouped_by_reason_and_counted():
    run = make_run({"m": by_case([1.0] * 57 + [None] * 3)})
    silent = replace(run, scores=run.scores[:-1])
    baseline = make_baseline({"m": by_case([1.0] * 60)})
    verdict = verdict_of(silent, baseline=baseline)
    assert verdict.outcome == "ERROR"
    assert verdict.reason == (
        "3 of 60 cases not scored for m (c057, c058, c059): 2 × the judge is out; "
        "1 × no score was recorded; at most 2.0 % may be missing"
    )
    assert verdict.checks[-1].cases == ("c057", "c058", "c059")


def test_each_repeat_must_be_there():
    """A case answered once where others were asked twice is incomplete."""
    run = make_run({"m": by_case([[1.0, 1.0]] * 10)})
    verdict = verdict_of(replace(run, trials=run.trials[:-1]))
    assert verdict.outcome == "ERROR"
    assert "1 of 10 cases not answered (c009): 1 × no trial was recorded" in verdict.reason


def test_a_metric_that_applied_to_no_case_is_an_error():
    run = replace(FULL, fingerprint=replace(FULL.fingerprint, metrics=(("m", 1), ("ghost", 1))))
    verdict = verdict_of(run)
    assert (verdict.outcome, verdict.reason) == (
        "ERROR",
        "ghost is declared, but applied to no case",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trials": (*FULL.trials, FULL.trials[0])}, "recorded twice: c000 0"),
        ({"scores": (*FULL.scores, FULL.scores[0])}, "recorded twice: c000 0 m"),
        ({"cases": (*FULL.cases, FULL.cases[0])}, "recorded twice: c000"),
        (
            {"scores": (*FULL.scores, score("stranger"))},
            "of a case not in the dataset: stranger 0 m",
        ),
        ({"scores": (*FULL.scores, score(metric="x"))}, "of a metric not in the suite: c000 0 x"),
        ({"scores": (*FULL.scores, score(repeat=7))}, "scored without a trial: c000 7"),
    ],
)
def test_what_belongs_nowhere_is_an_error(change, reason):
    verdict = verdict_of(replace(FULL, **change))
    integrity = next(check for check in verdict.checks if check.kind == "integrity")
    assert (verdict.outcome, integrity.outcome) == ("ERROR", "ERROR")
    assert reason in integrity.reason


def test_a_trial_of_an_unknown_case_is_an_error():
    stray = Trial(case_id="stranger", repeat=0, outcome=FULL.trials[0].outcome)
    assert verdict_of(replace(FULL, trials=(*FULL.trials, stray))).outcome == "ERROR"


def test_a_failed_trial_with_a_score_is_an_error():
    """A failure is never graded as a wrong answer, nor as a right one."""
    failed = make_run({"m": by_case([1.0] * 60)}, failed=[("c000", 0)])
    graded = replace(failed, scores=(score(), *failed.scores[1:]))
    verdict = verdict_of(graded)
    assert (verdict.outcome, verdict.reason) == (
        "ERROR",
        "scored although the trial failed: c000 0",
    )


def test_too_few_cases_are_no_measurement():
    assert verdict_of(FULL, CoverageGate(min_cases=60)).outcome == "PASS"
    verdict = verdict_of(FULL, CoverageGate(min_cases=61))
    assert (verdict.outcome, verdict.reason) == ("ERROR", "60 cases, needs 61")


def test_an_empty_run_is_an_error():
    verdict = verdict_of(replace(FULL, cases=(), trials=(), scores=()))
    assert verdict.outcome == "ERROR"


@pytest.mark.parametrize(
    "options",
    [{"max_missing": 1.0}, {"max_missing": -0.1}, {"max_missing": math.nan}, {"min_cases": 0}],
)
def test_limits_that_let_everything_pass_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        CoverageGate(**options)
