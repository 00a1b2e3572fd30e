"""Checks → a verdict: the worst outcome, and what each check that is not green says."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.records import SEVERITY, Check, Verdict, worst


def conclude(gate: str, checks: Sequence[Check]) -> Verdict:
    """The verdict of a gate with these checks.

    Its reason joins the reasons of those that are not PASS, worst first, or of all where all are;
    what two checks say alike is said once.
    """
    outcome = worst(tuple(check.outcome for check in checks))
    told = [check for check in checks if check.outcome != "PASS"] or checks
    told = sorted(told, key=lambda check: SEVERITY.index(check.outcome))
    reason = "; ".join(dict.fromkeys(check.reason for check in told))
    return Verdict(gate=gate, outcome=outcome, reason=reason, checks=tuple(checks))
