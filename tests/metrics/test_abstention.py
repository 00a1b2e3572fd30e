from __future__ import annotations

import pytest

from evalkit.judges.protocol import Reversal
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.abstention import Abstention

JUDGE = ScriptedJudge(
    reverses=lambda _, text: Reversal(questions=(), noncommittal=text.startswith("I don't know"))
)


@pytest.mark.parametrize(
    ("text", "expect", "value"),
    [
        ("In Paris.", "answer", 1.0),
        ("In Paris.", "abstain", 0.0),
        ("I don't know.", "abstain", 1.0),
        ("I don't know.", "answer", 0.0),
        ("", "abstain", 1.0),  # nothing said is nothing claimed
        ("", "answer", 0.0),
        (" …", "answer", 0.0),
    ],
)
def test_right_is_what_the_case_expects(case, answer, score, text, expect, value):
    found = score(Abstention(), case(expect=expect), answer(text), judge=JUDGE)
    assert found.value == value
    assert found.parts == ((f"right_to_{expect}", value),)


def test_a_wrong_answer_is_still_an_answer(case, answer, score):
    """Whether it is correct is another metric's question."""
    assert score(Abstention(), case(), answer("In Rome."), judge=JUDGE).value == 1.0


def test_every_case(case):
    assert Abstention().applies_to(case(references=()))
    assert Abstention().applies_to(case(expect="abstain", references=()))
