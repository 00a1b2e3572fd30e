from __future__ import annotations

import pytest

from evalkit.errors import ProviderError
from evalkit.metrics.answer_similarity import AnswerSimilarity
from evalkit.providers.scripted_embedder import ScriptedEmbedder

EMBEDDER = ScriptedEmbedder(
    dimensions=2,
    given={"yes": (1, 0), "near": (0.8, 0.6), "away": (-0.6, 0.8), "nan": (float("nan"), 1)},
)


@pytest.mark.parametrize(
    ("references", "value"),
    [
        (("away", "near"), 0.8),  # the best of both
        (("near", "away"), 0.8),
        (("away",), 0.0),  # −0.6 clamped
        (("yes",), 1.0),
        ((" ", "near"), 0.8),
    ],
)
def test_the_best_cosine_clamped(case, answer, score, references, value):
    asked = case(references=references)
    found = score(AnswerSimilarity(), asked, answer("yes"), embedder=EMBEDDER)
    assert found.value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("text", ["", "—"])
def test_an_answer_without_a_word_is_zero(case, answer, score, text):
    """Embedders give some vector for an empty text, and a cosine of 0.3 for nothing at all."""
    assert score(AnswerSimilarity(), case(), answer(text)).value == 0.0


def test_a_vector_that_is_no_number_is_no_score(case, answer, score):
    with pytest.raises(ProviderError, match="not finite"):
        score(
            AnswerSimilarity(), case(references=("near", "nan")), answer("yes"), embedder=EMBEDDER
        )


def test_only_cases_with_a_reference(case):
    assert AnswerSimilarity().applies_to(case())
    assert not AnswerSimilarity().applies_to(case(references=("",)))
