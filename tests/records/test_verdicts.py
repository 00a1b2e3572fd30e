"""A verdict is the worst of its checks, and nothing decided is an ERROR."""

from __future__ import annotations

from itertools import permutations

import pytest

from evalkit.records import SEVERITY, Check, Verdict, worst


def check(outcome):
    return Check(kind="k", outcome=outcome, reason="r")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("PASS",), "PASS"),
        (("PASS", "INCONCLUSIVE"), "INCONCLUSIVE"),
        (("PASS", "INCONCLUSIVE", "ERROR"), "ERROR"),
        (("PASS", "INCONCLUSIVE", "ERROR", "FAIL"), "FAIL"),
    ],
)
def test_the_worst_of_several_whatever_their_order(outcomes, expected):
    """FAIL before ERROR: what was shown to be worse is not excused by what could not be shown."""
    assert {worst(order) for order in permutations(outcomes)} == {expected}


def test_nothing_decided_is_an_error():
    """Never a PASS."""
    assert worst(()) == "ERROR"


@pytest.mark.parametrize("outcome", SEVERITY)
def test_a_verdict_says_what_its_checks_say(outcome):
    made = Verdict(gate="g", outcome=outcome, reason="r", checks=(check("PASS"), check(outcome)))
    assert made.outcome == outcome


@pytest.mark.parametrize(("said", "checked"), [("PASS", "FAIL"), ("FAIL", "PASS")])
def test_a_verdict_that_its_checks_do_not_bear_out_cannot_be_made(said, checked):
    """In either direction."""
    with pytest.raises(ValueError, match=f"gate g says {said}, its checks say {checked}"):
        Verdict(gate="g", outcome=said, reason="r", checks=(check(checked),))


def test_a_verdict_without_a_check_cannot_be_made():
    with pytest.raises(ValueError, match="gate g has a verdict without a check"):
        Verdict(gate="g", outcome="ERROR", reason="r", checks=())
