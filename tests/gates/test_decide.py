"""Deciding a build: one Holm family, a verdict a gate, and gates that misbehave are red."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from evalkit.gates.coverage import CoverageGate
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.verdict import conclude
from evalkit.records import Check
from tests.builders import by_case, make_baseline, make_run, measured

N = 60


@dataclass(frozen=True)
class Declaring:
    """A third party's gate that declares one test and makes `made` of them."""

    kind: ClassVar[str] = "declaring"
    name: str
    made: int = 1
    family_size: int = 1

    def tests(self, measurement):
        return MetricGate(name="m").tests(measurement) * self.made

    def decide(self, measurement, tests):
        return conclude(self.name, [Check(kind="fake", outcome="PASS", reason=str(len(tests)))])


@dataclass(frozen=True)
class Fake:
    """A third party's gate; `misdeed` is what it does when asked to decide."""

    kind: ClassVar[str] = "fake"
    name: str
    misdeed: object = None
    on_tests: object = None

    def tests(self, measurement):
        return self.on_tests() if self.on_tests else ()

    def decide(self, measurement, tests):
        if self.misdeed:
            return self.misdeed()
        return conclude(self.name, [Check(kind="fake", outcome="PASS", reason="fine")])


def fall(test):
    raise RuntimeError(test)


def measurement(shift=0.0, spread=0.02, *, metrics=("m",), suite_baseline=True):
    now = by_case([0.5 + shift + spread * (-1) ** i for i in range(N)])
    baseline = make_baseline({m: by_case([0.5] * N) for m in metrics}) if suite_baseline else None
    return measured(make_run(dict.fromkeys(metrics, now)), baseline, "" if baseline else "none")


def test_every_gate_has_one_verdict_in_order():
    gates = [MetricGate(name="m"), Fake("x"), CoverageGate()]
    (decision,) = decide_build([(gates, measurement())])
    assert [v.gate for v in decision.verdicts] == ["m", "x", "coverage"]
    assert decision.outcome == "PASS"
    assert decision.baseline == "9f2c1ab0000 of 2026-11-19T08:00:00+00:00"
    assert [c.metric for c in decision.comparisons] == ["m"]
    assert decision.estimates


def test_the_family_is_the_whole_build():
    # p is about 0.02 in each suite: alone it fails, among four tests it is 0.08 and does not.
    # −0.05 with SE = 0.183/√59 = 0.02383: t = −2.099, p = 0.0201.
    part = ([MetricGate(name="m")], measurement(-0.05, spread=0.183))
    (alone,) = decide_build([part])
    assert alone.outcome == "FAIL"
    assert alone.comparisons[0].p_adjusted == pytest.approx(0.0201, abs=1e-4)
    together = decide_build([part] * 4)
    assert [d.outcome for d in together] == ["INCONCLUSIVE"] * 4
    assert [d.comparisons[0].p_adjusted for d in together] == pytest.approx([0.0804] * 4, abs=1e-3)
    # The level each test is sure of is 0.05/4, so it can detect less: t_0.9875 + t_0.80 on 59 df is
    # 2.300 + 0.848 against 1.671 + 0.848.
    ratio = (
        together[0].comparisons[0].smallest_detectable / alone.comparisons[0].smallest_detectable
    )
    assert ratio == pytest.approx(3.148 / 2.519, abs=1e-3)


def test_a_test_that_could_not_be_computed_counts_in_the_family():
    """A suite that lost its baseline makes nothing else easier, or harder, to fail."""
    part = ([MetricGate(name="m")], measurement(-0.05, spread=0.183))
    lost = ([MetricGate(name=n) for n in "abc"], measurement(suite_baseline=False))
    found, broken = decide_build([part, lost])
    assert found.comparisons[0].p_adjusted == pytest.approx(0.0804, abs=1e-3)
    assert (found.outcome, broken.outcome, broken.baseline) == ("INCONCLUSIVE", "ERROR", "")


def test_tests_of_suites_that_are_not_decided_here_count_in_the_family():
    """Three tests elsewhere are three more at p = 1: p = 0.0201 becomes 0.0804, as among four."""
    part = ([MetricGate(name="m")], measurement(-0.05, spread=0.183))
    (found,) = decide_build([part], others=3)
    assert found.comparisons[0].p_adjusted == pytest.approx(0.0804, abs=1e-3)
    assert found.comparisons == decide_build([part] * 4)[0].comparisons
    (near,) = decide_build([part], others=1)
    assert (near.outcome, found.outcome) == ("FAIL", "INCONCLUSIVE")


def test_a_measurement_knows_its_estimates_by_name():
    assert measurement().estimate("m").value == pytest.approx(0.5)
    assert measurement().estimate("typo") is None


def test_exact_gates_do_not_count_in_the_family():
    part = ([MetricGate(name="m"), CoverageGate(), Fake("x")], measurement(-0.05, spread=0.183))
    (decision,) = decide_build([part])
    assert decision.comparisons[0].p_adjusted == pytest.approx(0.0201, abs=1e-4)


@pytest.mark.parametrize(
    ("misdeed", "told"),
    [
        (lambda: fall("boom"), "RuntimeError: boom"),
        (lambda: sys.exit(0), "SystemExit: 0"),
        (lambda: None, "it gave no verdict of its own"),
        (lambda: Fake("another").decide(None, ()), "it gave no verdict of its own"),
    ],
)
def test_a_gate_that_breaks_is_an_error_in_its_own_name(misdeed, told):
    (decision,) = decide_build([([Fake("x", misdeed), Fake("y")], measurement())])
    assert decision.outcome == "ERROR"
    assert [(v.gate, v.outcome) for v in decision.verdicts] == [("x", "ERROR"), ("y", "PASS")]
    assert decision.verdicts[0].reason == f"could not decide (fake): {told}"


def test_a_baseline_made_outside_git_is_named_by_its_time():
    baseline = replace(make_baseline({"m": by_case([0.5] * N)}), commit="")
    (decision,) = decide_build(
        [([Fake("y")], measured(make_run({"m": by_case([0.5] * N)}), baseline))]
    )
    assert decision.baseline == "of 2026-11-19T08:00:00+00:00"


def test_a_gate_that_breaks_while_testing_does_not_decide():
    gate = Fake("x", on_tests=lambda: fall("no data"))
    (decision,) = decide_build([([gate], measurement())])
    assert decision.verdicts[0].reason == "could not decide (fake): RuntimeError: no data"


def test_a_failure_is_worse_than_an_error():
    gates = [MetricGate(name="m"), Fake("x", lambda: None)]
    (decision,) = decide_build([(gates, measurement(-0.3))])
    assert [v.outcome for v in decision.verdicts] == ["FAIL", "ERROR"]
    assert decision.outcome == "FAIL"


def test_a_suite_without_a_gate_is_an_error_and_a_build_without_a_suite_is_empty():
    (decision,) = decide_build([([], measurement())])
    assert decision.outcome == "ERROR"
    assert decide_build([]) == ()


def test_two_gates_of_one_name_are_refused():
    with pytest.raises(ValueError, match="share a name"):
        decide_build([([Fake("x"), Fake("x")], measurement())])
    # Near miss: two suites may each have a gate of that name.
    assert len(decide_build([([Fake("x")], measurement())] * 2)) == 2


def test_a_gate_that_makes_fewer_tests_than_it_declares_counts_as_it_declared():
    part = ([MetricGate(name="m"), Declaring("d", made=0, family_size=3)],
            measurement(-0.05, spread=0.183))  # fmt: skip
    (decision,) = decide_build([part])
    assert decision.comparisons[0].p_adjusted == pytest.approx(0.0804, abs=1e-3)


def test_a_gate_that_makes_more_tests_than_it_counted_is_an_error():
    """The others would share an error rate that was counted without them."""
    (decision,) = decide_build([([Declaring("d", made=2), Fake("y")], measurement())])
    assert decision.verdicts[0].reason == (
        "could not decide (declaring): it counted 1 test and made 2"
    )
    assert decision.verdicts[1].outcome == "PASS"
    assert decide_build([([Declaring("d")], measurement())])[0].outcome == "PASS"


def test_a_gate_that_breaks_while_counting_counts_as_it_declared():
    @dataclass(frozen=True)
    class Breaking(Declaring):
        def family(self, measurement):
            raise RuntimeError("no data")

    part = ([MetricGate(name="m"), Breaking("d", family_size=3)], measurement(-0.05, spread=0.183))
    (decision,) = decide_build([part])
    assert decision.verdicts[1].reason == "could not decide (declaring): RuntimeError: no data"
    assert decision.comparisons[0].p_adjusted == pytest.approx(0.0804, abs=1e-3)


def test_a_gate_that_counts_and_then_breaks_does_not_decide():
    @dataclass(frozen=True)
    class Breaking(Declaring):
        def tests(self, measurement):
            raise RuntimeError("no data")

    part = ([MetricGate(name="m"), Breaking("d")], measurement(-0.05, spread=0.183))
    (decision,) = decide_build([part])
    assert decision.verdicts[1].reason == "could not decide (declaring): RuntimeError: no data"
    assert decision.comparisons[0].p_adjusted == pytest.approx(0.0402, abs=2e-4)
