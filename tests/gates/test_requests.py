"""Caps on single answers: one breach fails, and a lost answer is not a cheap one."""

from __future__ import annotations

from dataclasses import replace

from evalkit.gates.requests import check_requests
from evalkit.gates.spending import OUTPUT_TOKENS, USD
from evalkit.records import Usage
from tests.builders import by_case, make_run

SCORES = {"m": by_case([[1.0, 1.0]] * 10)}


def dear(case_id, usd, *, repeat):
    """Ten cases twice at one cent each, but for one answer."""
    run = make_run(SCORES, usd=dict.fromkeys(SCORES["m"], 0.01))
    trials = tuple(
        replace(trial, outcome=replace(trial.outcome, cost=replace(trial.outcome.cost, usd=usd)))
        if (trial.case_id, trial.repeat) == (case_id, repeat)
        else trial
        for trial in run.trials
    )
    return replace(run, trials=trials)


def test_the_second_repeat_of_one_case_is_enough():
    check = check_requests(dear("c004", 0.05, repeat=1), USD, 0.02)
    assert (check.outcome, check.cases) == ("FAIL", ("c004",))
    assert check.reason == "1 request of 20 above $0.02: c004 $0.05"


def test_what_meets_the_cap_exactly_keeps_it():
    check = check_requests(dear("c004", 0.02, repeat=0), USD, 0.02)
    assert (check.outcome, check.reason) == ("PASS", "at most $0.02 in 20 requests, within $0.02")


def test_many_breaches_are_counted_and_the_worst_named():
    usage = {f"c{i:03}": Usage(input_tokens=1, output_tokens=10 * i) for i in range(10)}
    check = check_requests(make_run(SCORES, usage=usage), OUTPUT_TOKENS, 20)
    assert check.reason.startswith(
        "14 requests of 20 above 20 output tokens: c009 90 output tokens, c009 90 output tokens, "
    )
    assert check.reason.endswith(" and 9 more")
    assert check.cases == ("c009", "c008", "c007", "c006", "c005")


def test_an_answer_that_never_came_is_not_within_a_cap():
    run = make_run(SCORES, failed=[("c000", 0)])
    check = check_requests(run, USD, 1.0)
    assert (check.outcome, check.reason[:24]) == ("ERROR", "1 of 10 cases without an")
    # A breach stands whatever else is missing; a run of nothing is no measurement.
    assert check_requests(dear("c004", 2.0, repeat=0), USD, 1.0).outcome == "FAIL"
    assert check_requests(replace(run, trials=()), USD, 1.0).outcome == "ERROR"
