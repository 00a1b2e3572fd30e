from __future__ import annotations

import dataclasses

import pytest

from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.context_precision import ContextPrecision
from evalkit.records import Judgement, Unscored

JUDGE = ScriptedJudge(finds_useful=lambda text: "useful" if text.startswith("+") else "not_useful")


@pytest.mark.parametrize(
    ("passages", "value"),
    [
        (("+a", "-b", "+c"), (1 / 1 + 2 / 3) / 2),
        (("-a", "+b", "+c"), (1 / 2 + 2 / 3) / 2),
        (("+a", "+b", "-c"), 1.0),
        (("-a", "-b", "+c"), 1 / 3),
        (("-a", "-b"), 0.0),
        ((), 0.0),
    ],
)
def test_average_precision_over_the_ranked_passages(case, answer, score, passages, value):
    found = score(ContextPrecision(), case(), answer("x", *passages), judge=JUDGE)
    assert found.value == pytest.approx(value)


def test_the_order_is_the_retrievers_not_the_prompts(case, answer, score):
    """A prompt may show the best passage last; that does not make it the worst."""
    given = answer("x", "+a", "-b")
    turned = dataclasses.replace(given, passages=given.passages[::-1])
    assert score(ContextPrecision(), case(), turned, judge=JUDGE).value == 1.0


def test_the_first_reference_is_the_one_asked_about(case, answer, score):
    seen = []

    class Seeing(ScriptedJudge):
        async def usefulness(self, *, question, reference, contexts):
            seen.append((question, reference))
            return tuple(Judgement(unit=c, text=c, label="useful") for c in contexts)

    asked = case(references=(" ", "first", "second"))
    score(ContextPrecision(), asked, answer("x", "a"), judge=Seeing())
    assert seen == [("Where is the tower?", "first")]


def test_a_missing_verdict_is_no_score(case, answer, score):
    class Lazy(ScriptedJudge):
        async def usefulness(self, *, question, reference, contexts):
            return (Judgement(unit="p1", text="", label="useful"),)

    found = score(ContextPrecision(), case(), answer("x", "a", "b"), judge=Lazy())
    assert isinstance(found, Unscored)
    assert found.reason == "the judge gave 1 verdicts on 2 units"


@pytest.mark.parametrize(("references", "applies"), [(("x",), True), ((), False), ((" ",), False)])
def test_only_cases_with_a_reference(case, references, applies):
    assert ContextPrecision().applies_to(case(references=references)) is applies
