"""What is concluded: checks, verdicts, decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evalkit.records.invariants import require
from evalkit.records.scores import Comparison, Estimate

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR"]
SEVERITY: tuple[Outcome, ...] = ("FAIL", "ERROR", "INCONCLUSIVE", "PASS")
"""Worst first: a build with one FAIL and one ERROR is a FAIL."""


def worst(outcomes: tuple[Outcome, ...]) -> Outcome:
    """The worst of several outcomes; nothing decided is an ERROR, never a PASS."""
    return next((outcome for outcome in SEVERITY if outcome in outcomes), "ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule of a gate and what it found; `reason` is a sentence with numbers and units.

    `ratio` is now over before, where the rule is on a ratio of sums.
    """

    kind: str
    outcome: Outcome
    reason: str
    comparison: Comparison | None = None
    cases: tuple[str, ...] = ()
    ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate says of a run: the worst of its checks."""

    gate: str
    outcome: Outcome
    reason: str
    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        require(bool(self.checks), f"gate {self.gate} has a verdict without a check")
        expected = worst(tuple(check.outcome for check in self.checks))
        require(
            self.outcome == expected,
            f"gate {self.gate} says {self.outcome}, its checks say {expected}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was concluded from a run: pure, so it can be made again from the run at any time."""

    outcome: Outcome
    estimates: tuple[Estimate, ...]
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]
    baseline: str = ""
