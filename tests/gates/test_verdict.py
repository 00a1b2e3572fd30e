"""A verdict is its worst check, and says what every check says that is not green."""

from __future__ import annotations

import pytest

from evalkit.gates.verdict import conclude
from evalkit.records import Check


def check(outcome, reason):
    return Check(kind="k", outcome=outcome, reason=reason)


@pytest.mark.parametrize(
    ("outcomes", "worst", "reason"),
    [
        (["PASS", "PASS"], "PASS", "r0; r1"),
        (["PASS", "FAIL", "ERROR"], "FAIL", "r1; r2"),
        (["INCONCLUSIVE", "ERROR"], "ERROR", "r1; r0"),
        (["INCONCLUSIVE", "PASS", "INCONCLUSIVE"], "INCONCLUSIVE", "r0; r2"),
    ],
)
def test_red_checks_speak_worst_first(outcomes, worst, reason):
    verdict = conclude("g", [check(o, f"r{i}") for i, o in enumerate(outcomes)])
    assert (verdict.gate, verdict.outcome, verdict.reason) == ("g", worst, reason)
    assert len(verdict.checks) == len(outcomes)


def test_what_two_checks_say_alike_is_said_once():
    same = "36 of 36 cases not scored"
    checks = [check("ERROR", same), check("INCONCLUSIVE", "borderline"), check("ERROR", same)]
    assert conclude("g", checks).reason == f"{same}; borderline"


def test_a_gate_that_checked_nothing_has_no_verdict():
    with pytest.raises(ValueError, match="without a check"):
        conclude("g", [])
