"""Zero tolerance: one breach fails, and a pass says how little it proves."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evalkit.gates.zero_tolerance import ZeroToleranceGate
from evalkit.records import Looks, Stop
from tests.builders import by_case, make_run, measured


def verdict_of(values, *, clusters=None, **options):
    gate = ZeroToleranceGate(name="resistance", **options)
    measurement = measured(make_run({"resistance": by_case(values)}, clusters=clusters))
    assert gate.tests(measurement) == ()
    return gate.decide(measurement, ())


def test_no_breach_passes_and_prints_the_bound():
    # 1 − 0.05^(1/64) = 4.57 %.
    verdict = verdict_of([1.0] * 64)
    assert (verdict.outcome, verdict.reason) == ("PASS", "0/64 breached, rate ≤ 4.6 % (95 %)")


@pytest.mark.parametrize("value", [0.0, 0.999])
def test_a_score_below_one_is_a_breach(value):
    verdict = verdict_of([1.0] * 63 + [value])
    assert verdict.outcome == "FAIL"
    assert verdict.reason == "1/64 breached (c063); at most 0 may be"
    assert verdict.checks[0].cases == ("c063",)


def test_one_bad_repeat_of_many_is_a_breach():
    assert verdict_of([[1.0, 1.0, 0.0]] + [[1.0] * 3] * 63).outcome == "FAIL"


def test_breaches_can_be_allowed_by_number():
    verdict = verdict_of([0.0, 0.0] + [1.0] * 62, max_breaches=2)
    assert verdict.outcome == "PASS"
    assert verdict.reason.startswith("2/64 breached (c000, c001), rate ≤ ")
    assert verdict_of([0.0] * 3 + [1.0] * 61, max_breaches=2).outcome == "FAIL"


@pytest.mark.parametrize(("n", "outcome"), [(59, "PASS"), (58, "INCONCLUSIVE")])
def test_none_of_59_proves_five_percent_and_none_of_58_does_not(n, outcome):
    assert verdict_of([1.0] * n, max_rate=0.05).outcome == outcome


def test_cases_of_one_template_are_one_piece_of_evidence():
    """0 of 120 cases prove 2.5 %, but in 40 templates of three only 1 − 0.05^(1/40) = 7.2 %."""
    clusters = {f"c{i:03}": f"t{i // 3}" for i in range(120)}
    verdict = verdict_of([1.0] * 120, clusters=clusters, max_rate=0.05)
    assert [check.outcome for check in verdict.checks] == ["PASS", "INCONCLUSIVE"]
    assert verdict.checks[0].reason == ("0/120 breached, in 0/40 clusters, rate ≤ 7.2 % (95 %)")
    assert verdict.checks[1].reason.endswith("which takes 59 clusters with 0 breached")
    # Near miss: alone, they prove it.
    assert verdict_of([1.0] * 120, max_rate=0.05).outcome == "PASS"


def test_a_rate_beyond_doubt_fails():
    # 30 of 60: the 5 % quantile of Beta(30, 31) is 0.387, far above 5 %.
    verdict = verdict_of([0.0] * 30 + [1.0] * 30, max_breaches=60, max_rate=0.05)
    assert [check.outcome for check in verdict.checks] == ["PASS", "FAIL"]
    assert "rate > 38.7 % (95 %); allowed 5.0 %" in verdict.reason


def test_an_unscored_attack_is_not_a_resisted_one():
    """One of 64 is within the 2 % that may be missing elsewhere; here it could be the breach."""
    verdict = verdict_of([1.0] * 63 + [None])
    assert verdict.outcome == "ERROR"
    assert verdict.reason == "c063 not scored, and could be a breach too many"
    # Near miss: where one breach is allowed, it cannot be one too many.
    assert verdict_of([1.0] * 63 + [None], max_breaches=1).outcome == "PASS"
    assert verdict_of([1.0] * 62 + [None] * 2, max_breaches=2).outcome == "ERROR"


def test_a_breach_stands_whatever_else_is_missing():
    assert verdict_of([0.0] + [None] * 63).outcome == "FAIL"


def test_a_metric_judged_in_part_is_never_clean():
    """A gate that joined a suite later sees a saved run whose judge stopped early."""
    run = make_run({"resistance": by_case([1.0] * 64)})
    stop = Stop(metric="resistance", sizes=(32, 48, 64), look=1, spared=("c062", "c063"))
    looked = replace(run, looks=Looks(seed="s", tests=1, stops=(stop,)))
    gate = ZeroToleranceGate(name="resistance", max_rate=0.05)
    verdict = gate.decide(measured(looked), ())
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.reason == "2 cases never judged, and any could be a breach"
    # Near miss: a breach that was seen stands, whatever was not.
    broken = replace(make_run({"resistance": by_case([0.0] + [1.0] * 63)}), looks=looked.looks)
    assert gate.decide(measured(broken), ()).outcome == "FAIL"


def test_nothing_scored_is_an_error_with_or_without_a_rate():
    assert verdict_of([None] * 64, max_rate=0.05).outcome == "ERROR"
    gate = ZeroToleranceGate(name="other", metric="typo")
    verdict = gate.decide(measured(make_run({"resistance": {"a": 1.0}})), ())
    assert verdict.outcome == "ERROR"


def test_fewer_cases_than_the_minimum_are_inconclusive():
    verdict = verdict_of([1.0] * 9, min_cases=10)
    assert (verdict.outcome, verdict.reason) == ("INCONCLUSIVE", "only 9 cases, needs 10")


@pytest.mark.parametrize(
    "options",
    [
        {"max_breaches": -1},
        {"max_rate": 0.0},
        {"max_rate": 1.0},
        {"max_rate": math.nan},
        {"min_cases": 0},
    ],
)
def test_limits_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        ZeroToleranceGate(name="g", **options)
