"""Latency gates: the typical ratio, what a clock cannot tell, and a 95th percentile."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evalkit.gates.latency import LatencyGate
from tests.gates.timed import timed

N = 40


def verdict_of(measurement, **options):
    gate = LatencyGate(name="latency", **options)
    assert gate.tests(measurement) == ()
    return gate.decide(measurement, ())


@pytest.mark.parametrize(
    ("factor", "outcome"), [(0.5, "PASS"), (1.0, "PASS"), (1.2, "PASS"), (1.21, "FAIL")]
)
def test_a_uniform_change_is_known_exactly(factor, outcome):
    """Every case by the same factor: no spread, so the bounds are the ratio."""
    verdict = verdict_of(timed([factor] * N, [1.0] * N))
    assert verdict.outcome == outcome
    assert verdict.checks[0].ratio == pytest.approx(factor)


def test_a_verdict_says_what_it_rests_on():
    verdict = verdict_of(timed([3.0] * N, [2.0] * N))
    assert verdict.reason == (
        "typically +50.0 % (at least +50.0 %, at most +50.0 %, 95 % each, 40 paired cases); "
        "allowed +20.0 %"
    )
    assert verdict.checks[0].cases == ("c000", "c001", "c002", "c003", "c004")


def test_what_rounds_to_the_limit_is_shown_above_it():
    verdict = verdict_of(timed([1.2004] * N, [1.0] * N))
    assert verdict.outcome == "FAIL"
    assert verdict.reason.startswith("typically +20.04 % (at least +20.0 %, at most +20.04 %, ")


def test_one_slow_answer_is_no_regression():
    """A mean would say +98 %; the typical ratio is 40^(1/40) = 1.097, and uncertain."""
    verdict = verdict_of(timed([40.0] + [1.0] * 39, [1.0] * N))
    assert verdict.checks[0].ratio == pytest.approx(40 ** (1 / 40))
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.checks[0].cases == ("c000",)


def test_slower_by_less_than_allowed_passes_though_it_is_sure():
    before = [1.0 + 0.02 * (i % 5) for i in range(N)]
    verdict = verdict_of(timed([1.1 * value for value in before], before))
    assert verdict.outcome == "PASS"
    assert "+10.0 %" in verdict.reason


def test_times_below_the_clocks_resolution_are_one_time():
    """Of a target inside this process: 0 s and 0.9 ms are both "no time at all", not +∞ %."""
    verdict = verdict_of(timed([0.0009] * N, [0.0] + [0.0001] * 39))
    assert (verdict.outcome, verdict.checks[0].ratio) == ("PASS", 1.0)
    # Near miss: 2 ms for 1 ms is twice as much.
    assert verdict_of(timed([0.002] * N, [0.0005] * N)).outcome == "FAIL"


def test_a_baseline_without_seconds_names_the_command():
    measurement = timed([1.0] * N, [1.0] * N)
    cases = tuple(replace(case, latency_s=()) for case in measurement.baseline.cases)
    measurement = replace(measurement, baseline=replace(measurement.baseline, cases=cases))
    verdict = verdict_of(measurement)
    assert verdict.outcome == "ERROR"
    assert "evalkit baseline promote suites/rag_quality.toml --profile offline" in verdict.reason


def test_a_run_without_seconds_is_an_error_not_fast():
    verdict = verdict_of(timed([0.0] * N, [1.0] * N))
    assert (verdict.outcome, verdict.reason) == ("ERROR", "no answer of the run has seconds")


def test_answers_without_seconds_among_others_are_not_fast():
    """Two of 60 untimed: their 0 s would make the typical answer 20 % faster."""
    verdict = verdict_of(timed([0.0, 0.0] + [1.2] * 58, [1.0] * 60), max_p95_s=2.0)
    assert [check.outcome for check in verdict.checks] == ["ERROR", "ERROR"]
    assert verdict.reason == (
        "2 of 60 cases with an answer that has no seconds (c000, c001); "
        "at most 2.0 % may be missing"
    )
    # Near misses: one of 60 may be missing, and what is faster than the clock is all alike.
    one = verdict_of(timed([0.0] + [1.0] * 59, [1.0] * 60), max_p95_s=2.0)
    assert [check.outcome for check in one.checks] == ["PASS", "PASS"]
    quick = verdict_of(timed([0.0] * 30 + [0.0009] * 30, [0.0009] * 60), max_p95_s=2.0)
    assert [check.outcome for check in quick.checks] == ["PASS", "PASS"]
    slower = verdict_of(timed([0.0] * 30 + [0.001] * 30, [0.0009] * 60), max_p95_s=2.0)
    assert slower.outcome == "ERROR"


def test_one_of_fifty_may_be_untimed_or_lost():
    """2 % is the most that may be missing, of either."""
    seconds = [0.0] + [1.0] * 49
    for measurement in (
        timed(seconds, [1.0] * 50),
        timed([1.0] * 50, [1.0] * 50, failed=[("c049", 0)]),
    ):
        verdict = verdict_of(measurement, max_p95_s=2.0)
        assert [check.outcome for check in verdict.checks] == ["PASS", "PASS"]


def test_clusters_are_told_where_cases_share_one():
    pairs = {f"c{i:03}": f"k{i // 2}" for i in range(N)}
    assert (
        "40 paired cases, 20 clusters)"
        in verdict_of(timed([1.0] * N, [1.0] * N, clusters=pairs)).reason
    )
    assert "40 paired cases);" in verdict_of(timed([1.0] * N, [1.0] * N)).reason


def test_a_percentile_of_untimed_answers_is_no_percentile():
    measurement = timed([0.0] * N, [1.0] * N)
    verdict = verdict_of(measurement, max_increase=None, max_p95_s=8.0)
    assert (verdict.outcome, verdict.reason) == ("ERROR", "no answer of the run has seconds")


def test_no_baseline_is_an_error_that_says_why():
    measurement = replace(timed([1.0] * N, [1.0] * N), baseline=None, baseline_problem="make one")
    assert verdict_of(measurement).reason == "make one"


def test_unanswered_cases_are_not_fast():
    verdict = verdict_of(timed([1.0] * N, [1.0] * N, failed=[("c000", 0)]))
    assert verdict.outcome == "ERROR"
    assert "1 of 40 cases without an answer (c000)" in verdict.reason


def test_cases_of_one_cluster_show_nothing():
    clusters = {f"c{i:03}": "one" for i in range(N)}
    verdict = verdict_of(timed([2.0] * N, [1.0] * N, clusters=clusters))
    assert verdict.outcome == "INCONCLUSIVE"
    # Near miss: a second cluster leaves a spread, here of nothing.
    two = timed([2.0] * N, [1.0] * N, clusters=clusters | {"c039": "other"})
    assert verdict_of(two).outcome == "FAIL"


# ── how often it errs ────────────────────────────────────────────────────────────────────────────


def outcomes(ratio, n, *, max_increase, builds=300):
    """Of builds whose cases differ (sd of logs 0.4), with run noise 0.35 on either side."""
    rng = np.random.default_rng(20261122)
    found = []
    for _ in range(builds):
        case = rng.lognormal(0, 0.4, n)
        before = case * rng.lognormal(0, 0.35, n)
        now = case * rng.lognormal(0, 0.35, n) * ratio
        found.append(verdict_of(timed(now, before), max_increase=max_increase).outcome)
    return {outcome: found.count(outcome) / builds for outcome in found}


def test_an_unchanged_target_is_rarely_called_slower():
    # 99 % of simulations of a true 5 % end below 5 % + 2.58·√(0.05·0.95/300) = 8.2 %.
    for n, limit in ((50, 0.02), (50, 0.2)):
        assert outcomes(1.0, n, max_increase=limit).get("FAIL", 0.0) <= 0.082


@pytest.mark.slow
def test_a_fifth_slower_is_found_where_a_tenth_is_allowed():
    """A limit is set below what must be found: at the limit itself half are called."""
    assert outcomes(1.2, 50, max_increase=0.05)["FAIL"] >= 0.78
    assert outcomes(1.2, 100, max_increase=0.05)["FAIL"] >= 0.96
    at_limit = outcomes(1.2, 100, max_increase=0.2)
    assert 0.4 < at_limit["FAIL"] < 0.6
    assert at_limit.get("PASS", 0.0) <= 0.082


# ── the slowest ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("n", "slow", "outcome"),
    [
        (40, 2, "PASS"),  # 1 in 20
        (40, 3, "INCONCLUSIVE"),  # more, but advisory
        (40, 40, "INCONCLUSIVE"),
        (200, 10, "PASS"),
        (200, 15, "INCONCLUSIVE"),  # 7.5 %: the exact lower bound is 4.7 %
        (200, 16, "FAIL"),  # 8 %: the lower bound is 5.1 %
    ],
)
def test_one_answer_of_twenty_may_be_slower(n, slow, outcome):
    measurement = timed([9.0] * slow + [1.0] * (n - slow), [1.0] * n)
    verdict = verdict_of(measurement, max_increase=None, max_p95_s=8.0)
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(f"{slow} of {n} answers slower than 8 s")


def test_what_is_exactly_as_slow_as_allowed_is_not_slower():
    verdict = verdict_of(timed([8.0] * N, [8.0] * N), max_p95_s=8.0)
    assert [check.outcome for check in verdict.checks] == ["PASS", "PASS"]


def test_unanswered_answers_have_no_percentile():
    measurement = timed([1.0] * N, [1.0] * N, failed=[("c000", 0)])
    assert verdict_of(measurement, max_increase=None, max_p95_s=8.0).outcome == "ERROR"


@pytest.mark.parametrize(
    "options",
    [
        {"max_increase": 0.0},
        {"max_increase": math.nan},
        {"max_increase": math.inf},
        {"max_p95_s": -1.0},
    ],
)
def test_limits_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError, match="must be finite and above 0"):
        LatencyGate(name="latency", **options)


def test_a_gate_without_a_rule_is_refused():
    with pytest.raises(ValueError, match="needs max_increase or max_p95_s"):
        LatencyGate(name="latency", max_increase=None)
