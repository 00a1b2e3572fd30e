"""Measurements → decisions: every gate of every suite, one Holm family a build.

A gate that raises, or answers for another gate, gets an ERROR verdict in its own name; every gate
declared has exactly one verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from evalkit.gates.evidence import Kind, detectable
from evalkit.gates.protocol import Gate, Measurement
from evalkit.gates.wording import count
from evalkit.records import Baseline, Check, Comparison, Decision, Verdict, worst
from evalkit.stats.holm import holm

BROKEN = (Exception, SystemExit)
"""What a gate of a third party may do to us; `sys.exit(0)` in one must not end the build, green."""

UNNAMED: Kind = "regression"
"""The kind of a test that a gate has counted without saying more."""

MESSAGE_LIMIT = 500
"""Characters of an exception's message that are kept."""


@runtime_checkable
class DeclaresTests(Protocol):
    """A gate that says how many tests it may have: what tests in looks share the error rate by.

    Without it a gate stands for the tests it returns.
    """

    @property
    def family_size(self) -> int: ...


@runtime_checkable
class CountsTests(Protocol):
    """A gate that says which tests it has of a measurement, also those it cannot compute.

    Without it a gate has as many as it declares, or returns.
    """

    def family(self, measurement: Measurement) -> tuple[Kind, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A gate, the kinds of its tests, and the tests, or the exception in place of them."""

    gate: Gate
    measurement: Measurement
    kinds: tuple[Kind, ...] = ()
    tests: tuple[Comparison, ...] = ()
    broken: str = ""


def decide_build(
    parts: Sequence[tuple[Sequence[Gate], Measurement]], *, others: int = 0
) -> tuple[Decision, ...]:
    """One decision a suite, in order: its gates' verdicts and the worst of them.

    All tests of all suites share the error rate of 5 % by Holm; a test that could not be computed
    counts as p = 1, and so does, for the others, one that was decided in looks: with m tests in all
    it has spent α/m. Tests against the release are a family of their own. `others` are tests of the
    build that are not among these parts: they share its error rate, and find nothing. A suite
    without a gate is an ERROR. Raises `ValueError` when two gates of one suite share a name,
    because their verdicts could not be told apart.
    """
    counted = [[_count(gate, measurement) for gate in gates] for gates, measurement in parts]
    kinds = [kind for suite in counted for one in suite for kind in one.kinds]
    size = len(kinds) - kinds.count("release") + others
    asked = [[_ask(one, size) for one in suite] for suite in counted]
    adjusted = _adjusted(
        [test for suite in asked for one in suite for test in one.tests],
        size=size,
        release_size=kinds.count("release"),
    )
    decisions: list[Decision] = []
    for (gates, measurement), suite in zip(parts, asked, strict=True):
        names = [gate.name for gate in gates]
        if len(names) != len(set(names)):
            raise ValueError(f"two gates of one suite share a name: {', '.join(sorted(names))}")
        comparisons: list[Comparison] = []
        verdicts: list[Verdict] = []
        for one in suite:
            tests = tuple([next(adjusted) for _ in one.tests])
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


def _count(gate: Gate, measurement: Measurement) -> _Asked:
    declared: tuple[Kind, ...] = ()
    kinds: tuple[Kind, ...]
    try:
        if isinstance(gate, DeclaresTests):
            declared = (UNNAMED,) * gate.family_size
        if isinstance(gate, CountsTests):
            kinds = gate.family(measurement)
        elif isinstance(gate, DeclaresTests):
            kinds = declared
        else:
            kinds = tuple([test.kind for test in gate.tests(measurement)])
    except BROKEN as error:
        return _Asked(gate=gate, measurement=measurement, kinds=declared, broken=_tell(error))
    return _Asked(gate=gate, measurement=measurement, kinds=kinds)


def _ask(one: _Asked, size: int) -> _Asked:
    """The gate's tests, once the build's are counted: those in looks share the rate by that."""
    if one.broken:
        return one
    measurement = _sized(one.measurement, size)
    try:
        tests = one.gate.tests(measurement)
    except BROKEN as error:
        return replace(one, broken=_tell(error))
    if len(tests) > len(one.kinds):
        # Those too many would share an error rate that was counted without them.
        return replace(
            one, broken=f"it counted {count(len(one.kinds), 'test')} and made {len(tests)}"
        )
    return replace(one, measurement=measurement, tests=tests)


def _sized(measurement: Measurement, size: int) -> Measurement:
    """The measurement with the size of the family, where what was judged in looks needs it."""
    if measurement.run.looks is None or measurement.tests >= size:
        return measurement
    key = ("sized", size)
    if key not in measurement.memo:
        measurement.memo[key] = replace(measurement, tests=size)
    found: Measurement = measurement.memo[key]
    return found


def _adjusted(tests: Sequence[Comparison], *, size: int, release_size: int) -> Iterator[Comparison]:
    """The tests with `p_adjusted`, in order: two families, and those decided in looks as they are.

    With s tests in looks, each at α/m, and f₀ true null hypotheses among the others, whose smallest
    p Holm compares with α/(s + f₀) at most, the chance of a false alarm is at most
    s·α/m + f₀·α/(s + f₀) ≤ α, as m is at least s + f₀.
    """
    found: dict[int, Comparison] = {}
    build = [i for i, t in enumerate(tests) if not t.look and t.kind != "release"]
    release = [i for i, t in enumerate(tests) if t.kind == "release"]
    for members, family_size in ((build, size), (release, release_size)):
        adjusted = holm([tests[i].p_value for i in members], family_size=family_size)
        for i, p_adjusted in zip(members, adjusted, strict=True):
            found[i] = _adjust(tests[i], p_adjusted, family_size)
    return iter([found.get(i, test) for i, test in enumerate(tests)])


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
