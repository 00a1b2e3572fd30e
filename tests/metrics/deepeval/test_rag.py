from __future__ import annotations

import pytest

from evalkit.metrics.deepeval import rag

PASSAGES = (
    rag.Faithfulness, rag.ContextualPrecision, rag.ContextualRecall, rag.ContextualRelevancy,
    rag.Hallucination,
)  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "abstaining", "without_reference"),
    [
        (rag.Faithfulness, False, True),
        (rag.AnswerRelevancy, False, True),
        (rag.ContextualPrecision, True, False),
        (rag.ContextualRecall, True, False),
        (rag.ContextualRelevancy, True, True),
        (rag.Hallucination, True, True),
    ],
)
def test_which_cases_it_applies_to(cls, abstaining, without_reference, deepeval, case):
    metric = cls()
    assert metric.applies_to(case())
    assert metric.applies_to(case(expect="abstain")) is abstaining
    assert metric.applies_to(case(references=())) is without_reference


@pytest.mark.parametrize("cls", PASSAGES)
def test_no_passage_is_zero_unasked(cls, deepeval, case, answer, score):
    """DeepEval would judge the empty text, and find that nothing contradicts it."""
    assert score(cls(), case(), answer("In Paris.")).value == 0.0
