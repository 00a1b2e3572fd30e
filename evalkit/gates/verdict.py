"""Checks → a verdict: the worst outcome, and the sentences of the checks that gave it."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.records import Check, Verdict, worst


def conclude(gate: str, checks: Sequence[Check]) -> Verdict:
    """The verdict of a gate with these checks; its reason joins the reasons of the worst ones."""
    outcome = worst(tuple(check.outcome for check in checks))
    reasons = [check.reason for check in checks if check.outcome == outcome]
    return Verdict(gate=gate, outcome=outcome, reason="; ".join(reasons), checks=tuple(checks))
