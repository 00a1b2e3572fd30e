"""What every gate keeps: never green by accident, never a worse verdict for a better run."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import pytest

from evalkit import codec
from evalkit.gates import GATES
from evalkit.gates.decide import decide_build
from evalkit.records import Verdict
from tests.builders import by_case, make_baseline, make_run, measured

N = 60
OPTIONS = {
    "metric": [
        {"metric": "m"},
        {"metric": "m", "floor": 0.7},
        {"metric": "m", "floor": 0.7, "strict": True, "compare": False},
    ],
    "cost": [{"max_usd_per_case": 0.01}, {"max_increase": 0.1}],
    "tokens": [{"max_input_per_case": 1000.0}, {"max_increase": 0.1}],
    "latency": [{"max_increase": 0.1}, {"max_increase": None, "max_p95_s": 1.0}],
    "coverage": [{}],
    "zero_tolerance": [{"metric": "m"}, {"metric": "m", "max_rate": 0.06}],
    "rate": [{"metric": "m", "max_rate": 0.05}, {"metric": "m", "compare": True}],
    "versus": [{"metric": "m"}, {"metric": "m", "than": "other"}],
    "saving": [{"min_saving": 0.3}, {"min_saving": 0.3, "of": "tokens", "than": "other"}],
}
"""Options under which each kind has something to promise; a new kind adds a line."""

GATE_CASES = [(kind, options) for kind, each in OPTIONS.items() for options in each]
NEEDS_BASELINE = [
    (kind, options)
    for kind, options in GATE_CASES
    if options.get("max_increase") is not None or options.get("compare", kind == "metric")
]
# Budgets look at trials, not at scores.
BUDGETS = {"cost", "tokens", "saving", "latency"}
ON_SCORES = [(kind, options) for kind, options in GATE_CASES if kind not in BUDGETS]
AGAINST_TARGETS = [(kind, options) for kind, options in GATE_CASES if kind in {"versus", "saving"}]

every_gate = pytest.mark.parametrize(("kind", "options"), GATE_CASES)


def gate_of(kind, options):
    return GATES.get(kind)(name="g", **options)


def full(value=1.0, before=1.0, **changes):
    scores = {"m": by_case([value] * N)}
    usd = dict.fromkeys(scores["m"], 0.001)
    run = make_run(scores, usd=usd)
    baseline = make_baseline({"m": by_case([before] * N)}, usd=usd)
    return rivalled(measured(replace(run, **changes), baseline))


def rivalled(measurement, usage=2.0):
    """With the baseline as another target too, which took so many times as much."""
    cases = tuple(
        replace(
            case,
            usd=tuple(usage * (usd or 0.001) for usd in case.usd),
            input_tokens=tuple(round(usage * n) for n in case.input_tokens),
        )
        for case in measurement.baseline.cases
    )
    return replace(measurement, rivals=(("other", replace(measurement.baseline, cases=cases)),))


def verdict_of(gate, measurement):
    ((decision),) = decide_build([([gate], measurement)])
    (verdict,) = decision.verdicts
    return verdict


def test_every_kind_is_under_contract():
    assert set(OPTIONS) == set(GATES.names())


@every_gate
def test_a_gate_is_a_frozen_table_of_its_options(kind, options):
    """A suite's table becomes its fields; nothing can change a gate after it was promised."""
    gate = gate_of(kind, options)
    assert gate.kind == kind
    assert dataclasses.is_dataclass(gate)
    assert set(options) <= {field.name for field in dataclasses.fields(gate)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        gate.name = "other"


@every_gate
def test_a_perfect_run_against_an_equal_baseline_passes(kind, options):
    verdict = verdict_of(gate_of(kind, options), full())
    assert (verdict.outcome, verdict.gate) == ("PASS", "g"), verdict.reason


@every_gate
def test_a_verdict_is_a_record_of_finite_numbers_and_sentences(kind, options):
    for measurement in (full(), full(0.4), full(scores=()), full(cases=(), trials=(), scores=())):
        verdict = verdict_of(gate_of(kind, options), measurement)
        assert codec.decode(Verdict, json.loads(codec.canonical(codec.encode(verdict)))) == verdict
        assert all(check.reason for check in verdict.checks)
        assert "nan" not in verdict.reason.lower()


@pytest.mark.parametrize(("kind", "options"), NEEDS_BASELINE)
def test_a_comparison_without_a_baseline_is_an_error_that_says_why(kind, options):
    measurement = replace(full(), baseline=None, baseline_problem="there is none; make one")
    verdict = verdict_of(gate_of(kind, options), measurement)
    assert verdict.outcome == "ERROR"
    assert "there is none; make one" in verdict.reason


@pytest.mark.parametrize(("kind", "options"), AGAINST_TARGETS)
def test_a_comparison_without_the_other_target_is_an_error(kind, options):
    """Also where a baseline is there: it is none of the suite's targets."""
    verdict = verdict_of(gate_of(kind, options), replace(full(), rivals=()))
    assert verdict.outcome == "ERROR"
    assert "to compare with" in verdict.reason


@every_gate
def test_nothing_measured_never_passes(kind, options):
    verdict = verdict_of(gate_of(kind, options), full(cases=(), trials=(), scores=()))
    assert verdict.outcome == "ERROR"


@pytest.mark.parametrize(("kind", "options"), ON_SCORES)
def test_nothing_scored_never_passes_a_gate_on_scores(kind, options):
    assert verdict_of(gate_of(kind, options), full(scores=())).outcome != "PASS"


@every_gate
def test_a_target_that_never_answered_never_passes(kind, options):
    scores = {"m": by_case([1.0] * N)}
    run = make_run(scores, failed=[(case_id, 0) for case_id in scores["m"]])
    measurement = rivalled(measured(run, make_baseline(scores)))
    assert verdict_of(gate_of(kind, options), measurement).outcome == "ERROR"


@every_gate
@pytest.mark.parametrize("lift", [0.001, 0.05, 0.2])
def test_a_run_better_in_every_case_alike_is_never_judged_worse(kind, options, lift):
    """Only a common shift: a t test hears one outlier as noise, and says so in its docstring."""
    rank = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    for drop in (0.0, 0.01, 0.03, 0.05, 0.1, 0.3):
        worse, better = ([], [])
        for i in range(N):
            score = 0.7 - drop + 0.1 * (-1) ** i
            worse.append(score)
            better.append(score + lift)
        found = [
            verdict_of(
                gate_of(kind, options),
                rivalled(
                    measured(
                        make_run({"m": by_case(now)}), make_baseline({"m": by_case([0.7] * N)})
                    )
                ),
            ).outcome
            for now in (worse, better)
        ]
        assert rank[found[0]] <= rank[found[1]], (drop, found)


@every_gate
def test_the_same_measurement_gives_the_same_verdict(kind, options):
    gate = gate_of(kind, options)
    assert verdict_of(gate, full(0.95)) == verdict_of(gate, full(0.95))
