from __future__ import annotations

import pytest

from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.context_recall import ContextRecall
from evalkit.records import Judgement, Unscored

JUDGE = ScriptedJudge(
    attributes=lambda sentence: "attributed" if "yes" in sentence else "not_attributed"
)


@pytest.mark.parametrize(
    ("references", "value"),
    [
        (("One yes. Two yes. Three no.",), 2 / 3),
        (("One no.",), 0.0),
        (("One yes. Two no.", "Other yes."), 1.0),  # the best reference, not the mean 0.75
        (("Other yes.", "One yes. Two no."), 1.0),
        (("One yes. Two no.", "One no. Two no. Three no."), 0.5),  # nor 1 of 5 pooled
        (("Dr. No said yes.",), 1.0),  # one sentence, not two
        ((" ", "One yes. Two no."), 0.5),  # a blank reference is none
    ],
)
def test_attributed_sentences_of_the_best_reference(case, answer, score, references, value):
    found = score(ContextRecall(), case(references=references), answer("x", "p"), judge=JUDGE)
    assert found.value == pytest.approx(value)


def test_the_verdicts_shown_are_those_of_the_best_reference(case, answer, score):
    asked = case(references=("One no.", "Two yes. Three no."))
    found = score(ContextRecall(), asked, answer("x", "p"), judge=JUDGE)
    assert [j.text for j in found.judgements] == ["Two yes.", "Three no."]


def test_without_passages_nothing_is_attributed_and_nobody_asked(case, answer, score):
    judge = ScriptedJudge(attributes=lambda _: pytest.fail("asked"))
    found = score(ContextRecall(), case(), answer("x"), judge=judge)
    assert found.value == 0.0
    assert [j.label for j in found.judgements] == ["not_attributed"]


def test_a_quote_that_no_passage_has_attributes_nothing(case, answer, score):
    class Inventive(ScriptedJudge):
        async def attribution(self, *, sentences, contexts):
            return tuple(
                Judgement(unit=s, text=s, label="attributed", evidence="in Rome") for s in sentences
            )

    found = score(ContextRecall(), case(), answer("x", "It is in Paris."), judge=Inventive())
    assert found.value == 0.0
    assert found.judgements[0].note.startswith("the quote is in no context")


def test_another_number_of_verdicts_is_no_score(case, answer, score):
    class Merging(ScriptedJudge):
        async def attribution(self, *, sentences, contexts):
            return (Judgement(unit="s1", text="", label="attributed"),)

    asked = case(references=("One. Two.",))
    assert isinstance(score(ContextRecall(), asked, answer("x", "p"), judge=Merging()), Unscored)


def test_only_cases_with_a_reference(case):
    assert not ContextRecall().applies_to(case(references=()))
