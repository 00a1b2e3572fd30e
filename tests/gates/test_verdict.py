"""A verdict is its worst check, and speaks with that check's words."""

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
        (["PASS", "FAIL", "ERROR"], "FAIL", "r1"),
        (["INCONCLUSIVE", "ERROR"], "ERROR", "r1"),
        (["INCONCLUSIVE", "PASS", "INCONCLUSIVE"], "INCONCLUSIVE", "r0; r2"),
    ],
)
def test_the_worst_check_speaks(outcomes, worst, reason):
    verdict = conclude("g", [check(o, f"r{i}") for i, o in enumerate(outcomes)])
    assert (verdict.gate, verdict.outcome, verdict.reason) == ("g", worst, reason)
    assert len(verdict.checks) == len(outcomes)


def test_a_gate_that_checked_nothing_has_no_verdict():
    with pytest.raises(ValueError, match="without a check"):
        conclude("g", [])
