"""Measurements → decisions: every gate of every suite, one Holm family a build.

A gate that raises, or answers for another gate, gets an ERROR verdict in its own name; every gate
declared has exactly one verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from evalkit.gates.evidence import detectable
from evalkit.gates.protocol import Gate, Measurement
from evalkit.records import Baseline, Check, Comparison, Decision, Verdict, worst
from evalkit.stats.holm import holm

BROKEN = (Exception, SystemExit)
"""What a gate of a third party may do to us; `sys.exit(0)` in one must not end the build, green."""

MESSAGE_LIMIT = 500
"""Characters of an exception's message that are kept."""


@runtime_checkable
class DeclaresTests(Protocol):
    """A gate that says how many tests it stands for, so that those it cannot compute still count.

    Without it a gate stands for the tests it returns.
    """

    @property
    def family_size(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A gate, its tests, and the exception in place of them."""

    gate: Gate
    measurement: Measurement
    tests: tuple[Comparison, ...] = ()
    broken: str = ""

    @property
    def family_size(self) -> int:
        declared = self.gate.family_size if isinstance(self.gate, DeclaresTests) else 0
        return max(declared, len(self.tests))


def decide_build(parts: Sequence[tuple[Sequence[Gate], Measurement]]) -> tuple[Decision, ...]:
    """One decision a suite, in order: its gates' verdicts and the worst of them.

    All tests of all suites share the error rate of 5 %; a test that could not be computed counts
    as p = 1. A suite without a gate is an ERROR. Raises `ValueError` when two gates of one suite
    share a name, because their verdicts could not be told apart.
    """
    asked = [[_ask(gate, measurement) for gate in gates] for gates, measurement in parts]
    size = sum(one.family_size for suite in asked for one in suite)
    p_values = [test.p_value for suite in asked for one in suite for test in one.tests]
    adjusted = iter(holm(p_values, family_size=size))
    decisions: list[Decision] = []
    for (gates, measurement), suite in zip(parts, asked, strict=True):
        names = [gate.name for gate in gates]
        if len(names) != len(set(names)):
            raise ValueError(f"two gates of one suite share a name: {', '.join(sorted(names))}")
        comparisons: list[Comparison] = []
        verdicts: list[Verdict] = []
        for one in suite:
            tests = tuple(_adjust(test, next(adjusted), size) for test in one.tests)
            comparisons.extend(tests)
            verdicts.append(_conclude(one, tests))
        decisions.append(
            Decision(
                outcome=worst(tuple(verdict.outcome for verdict in verdicts)),
                estimates=measurement.estimates,
                comparisons=tuple(comparisons),
                verdicts=tuple(verdicts),
                baseline=_name(measurement.baseline),
            )
        )
    return tuple(decisions)


def _ask(gate: Gate, measurement: Measurement) -> _Asked:
    try:
        tests = gate.tests(measurement)
    except BROKEN as error:
        return _Asked(gate=gate, measurement=measurement, broken=_tell(error))
    return _Asked(gate=gate, measurement=measurement, tests=tests)


def _adjust(test: Comparison, p_adjusted: float, family_size: int) -> Comparison:
    # The level a test is sure to have under Holm is α / family size: what it could have found, it
    # could have found at that.
    return replace(
        test,
        p_adjusted=p_adjusted,
        smallest_detectable=detectable(test.standard_error, test.df, tests=family_size),
    )


def _conclude(asked: _Asked, tests: tuple[Comparison, ...]) -> Verdict:
    gate = asked.gate
    broken = asked.broken
    if not broken:
        try:
            verdict: object = gate.decide(asked.measurement, tests)
        except BROKEN as error:
            broken = _tell(error)
        else:
            if isinstance(verdict, Verdict) and verdict.gate == gate.name:
                return verdict
            broken = "it gave no verdict of its own"
    reason = f"could not decide ({gate.kind}): {broken}"
    check = Check(kind=gate.kind, outcome="ERROR", reason=reason)
    return Verdict(gate=gate.name, outcome="ERROR", reason=reason, checks=(check,))


def _tell(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MESSAGE_LIMIT]


def _name(baseline: Baseline | None) -> str:
    """The baseline as a decision names it: its commit and the time it was promoted."""
    if baseline is None:
        return ""
    commit = f"{baseline.commit[:12]} " if baseline.commit else ""  # none outside git
    return f"{commit}of {baseline.promoted_at}"
