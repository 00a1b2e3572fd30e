from __future__ import annotations

import pytest

from evalkit.metrics.ragas import rag

CLASSES = (rag.Faithfulness, rag.AnswerRelevancy, rag.ContextPrecision, rag.ContextRecall)


@pytest.mark.parametrize(
    ("cls", "abstaining", "without_reference"),
    [
        (rag.Faithfulness, False, True),
        (rag.AnswerRelevancy, False, True),
        (rag.ContextPrecision, True, False),
        (rag.ContextRecall, True, False),
    ],
)
def test_which_cases_it_applies_to(cls, abstaining, without_reference, ragas, case):
    metric = cls()
    assert metric.applies_to(case())
    assert metric.applies_to(case(expect="abstain")) is abstaining
    assert metric.applies_to(case(references=(" ",))) is without_reference


@pytest.mark.parametrize("cls", [rag.Faithfulness, rag.AnswerRelevancy])
@pytest.mark.parametrize("text", ["", " \n", ":"])
def test_an_answer_without_a_word_is_zero_unasked(cls, text, ragas, case, answer, score):
    assert score(cls(), case(), answer(text, "In Paris.")).value == 0.0


@pytest.mark.parametrize("cls", [rag.Faithfulness, rag.ContextPrecision, rag.ContextRecall])
def test_no_passage_is_zero_unasked(cls, ragas, case, answer, score):
    assert score(cls(), case(), answer("In Paris.")).value == 0.0


@pytest.mark.parametrize("strictness", [0, -1])
def test_a_strictness_below_one_is_refused(strictness, ragas):
    with pytest.raises(ValueError, match="strictness"):
        rag.AnswerRelevancy(strictness=strictness)
