"""The metric gate: its options, its two checks, and the tests it hands to the build."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from tests.builders import by_case, decided, make_baseline, make_run, measured, noisy

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


# ── the release lane ─────────────────────────────────────────────────────────────────────────────


def released(now, before, release, *, lane="release", problem="", gate=None):
    """A run beside its baseline and that of the release."""
    n = len(now)
    pinned = release if release is None else make_baseline({"m": by_case([release] * n)})
    measurement = replace(
        measured(make_run({"m": now}), make_baseline({"m": by_case([before] * n)})),
        release=pinned,
        release_problem=problem,
        lane=lane,
    )
    return decide_build([([gate or MetricGate(name="m")], measurement)])[0]


def test_small_drops_that_add_up_since_the_release_fail():
    """Each build's drop of 0.018 is too small to fail; since the release they come to 0.09."""
    decision = released(noisy(0.702), 0.72, 0.792)
    regression, release = decision.verdicts[0].checks
    assert (regression.kind, regression.outcome) == ("regression", "PASS")
    assert (release.kind, release.outcome) == ("release", "FAIL")
    assert release.reason.startswith("since the release (2026-11-19): dropped by 0.090")
    assert [c.kind for c in decision.comparisons] == ["regression", "release"]
    # Near miss: the lane of pull requests does not look at the release.
    (verdict,) = released(noisy(0.702), 0.72, 0.792, lane="pr").verdicts
    assert [check.kind for check in verdict.checks] == ["regression"]


def test_the_release_has_a_family_of_its_own():
    # p = 0.0201 in each (see test_decide): two families of one test, not one of two.
    decision = released(noisy(0.45, spread=0.183), 0.5, 0.5)
    assert [c.p_adjusted for c in decision.comparisons] == pytest.approx([0.0201] * 2, abs=1e-4)
    assert decision.outcome == "FAIL"


def test_the_releases_of_all_suites_share_one_family():
    measurement = replace(
        measured(
            make_run({"m": noisy(0.45, spread=0.183)}), make_baseline({"m": by_case([0.5] * N)})
        ),
        release=make_baseline({"m": by_case([0.5] * N)}),
        lane="release",
    )
    found = decide_build([([MetricGate(name="m")], measurement)] * 2)
    assert [c.p_adjusted for d in found for c in d.comparisons] == pytest.approx(
        [0.0402] * 4, abs=2e-4
    )


def test_a_release_that_is_not_pinned_is_an_error_and_counts_in_its_family_alone():
    problem = "there is no release baseline; evalkit baseline pin …"
    decision = released(noisy(0.45, spread=0.183), 0.5, None, problem=problem)
    regression, release = decision.verdicts[0].checks
    assert (release.kind, release.outcome, release.reason) == ("release", "ERROR", problem)
    assert regression.comparison.p_adjusted == pytest.approx(0.0201, abs=1e-4)
    bare = released(noisy(0.8), 0.8, None).verdicts[0].checks[1]
    assert bare.reason == "there is no release baseline to compare with"


def test_a_gate_without_a_comparison_has_none_with_the_release():
    gate = MetricGate(name="m", floor=0.5, compare=False)
    (verdict,) = released(noisy(0.8), 0.8, None, gate=gate).verdicts
    assert [check.kind for check in verdict.checks] == ["floor"]
    assert verdict.outcome == "PASS"


def test_a_gate_counts_the_tests_it_has_here():
    gate = MetricGate(name="m", floor=0.5)
    found = measured(make_run({"m": noisy(0.8)}), make_baseline({"m": by_case([0.8] * N)}))
    assert gate.family(found) == ("regression", "floor")
    assert gate.family(replace(found, lane="release")) == ("regression", "floor", "release")
    assert gate.family(replace(found, baseline=None)) == ("regression", "floor")
