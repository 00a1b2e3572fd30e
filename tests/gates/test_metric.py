"""The metric gate: its options, its two checks, and the tests it hands to the build."""

from __future__ import annotations

import math

import pytest

from evalkit.gates.metric import MetricGate
from tests.builders import by_case, decided, make_baseline, make_run, measured

N = 60


def test_both_checks_count_and_the_worse_one_speaks():
    run = make_run({"faithfulness": by_case([0.8] * N)})
    baseline = make_baseline({"faithfulness": by_case([0.8] * N)})
    verdict = decided(MetricGate(name="faithfulness", floor=0.9), measured(run, baseline))
    assert [check.outcome for check in verdict.checks] == ["PASS", "FAIL"]
    assert verdict.reason == verdict.checks[1].reason


def test_a_drop_below_the_floor_is_told_with_the_drop():
    """A drop alone says nothing of the promise that it broke, or may have."""
    run = make_run({"faithfulness": by_case([0.4, 1.0] * (N // 2))})
    baseline = make_baseline({"faithfulness": by_case([0.9, 1.0] * (N // 2))})
    verdict = decided(MetricGate(name="faithfulness", floor=0.75), measured(run, baseline))
    assert [check.outcome for check in verdict.checks] == ["FAIL", "INCONCLUSIVE"]
    drop, floor = (check.reason for check in verdict.checks)
    assert verdict.reason == f"{drop}; {floor}"
    assert "borderline at the floor 0.75" in floor


def test_tests_not_handed_back_are_an_error():
    run = make_run({"faithfulness": by_case([0.8] * N)})
    baseline = make_baseline({"faithfulness": by_case([0.8] * N)})
    gate = MetricGate(name="faithfulness", floor=0.5)
    verdict = gate.decide(measured(run, baseline), ())
    assert verdict.outcome == "ERROR"
    assert "was not tested against the baseline" in verdict.reason
    assert "was not tested against its floor" in verdict.reason


def test_a_test_without_its_holm_adjustment_never_fails_a_build():
    run = make_run({"faithfulness": by_case([0.1] * N)})
    measurement = measured(run, make_baseline({"faithfulness": by_case([0.8] * N)}))
    gate = MetricGate(name="faithfulness")
    verdict = gate.decide(measurement, gate.tests(measurement))
    assert verdict.outcome == "INCONCLUSIVE"


def test_the_metric_is_the_gates_name_unless_given():
    assert MetricGate(name="a").measured == "a"
    assert MetricGate(name="a", metric="b").measured == "b"


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, 1), ({"floor": 0.5}, 2), ({"floor": 0.5, "compare": False}, 1)],
)
def test_a_gate_declares_its_tests(options, size):
    assert MetricGate(name="m", **options).family_size == size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compare": False}, "needs a floor"),
        ({"floor": 1.5}, r"floor must be within \[0, 1\], got 1.5"),
        ({"floor": math.nan}, "floor must be"),
        ({"strict": True}, "there is no floor"),
        ({"margin": 0.0}, "margin must be above 0"),
        ({"margin": math.nan}, "margin must be"),
        ({"margin": 0.01}, "min_effect must be within"),
        ({"min_effect": -0.1}, "min_effect must be within"),
        ({"min_effect": math.nan}, "min_effect must be within"),
        ({"min_cases": 1}, "min_cases must be at least 2"),
        ({"min_clusters": 1}, "min_clusters must be at least 2"),
    ],
)
def test_options_that_promise_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MetricGate(name="m", **options)
