from __future__ import annotations

import pytest

from evalkit.errors import ProviderError
from evalkit.judges.protocol import Reversal
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.answer_relevancy import AnswerRelevancy
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Unscored

LONG = "The tower stands in the middle of Paris."
# Unit vectors in the plane: their cosine with (1, 0) is their first coordinate.
PLANE = ScriptedEmbedder(
    dimensions=2,
    given={
        "Where is the tower?": (1, 0),
        "near": (0.8, 0.6),
        "far": (0.6, 0.8),
        "away": (-0.6, 0.8),
        "opposite": (-1, 0),
        "broken": (float("nan"), 0),
    },
)


def asks(*questions, noncommittal=False):
    reversal = Reversal(questions=questions, noncommittal=noncommittal)
    return ScriptedJudge(reverses=lambda *_: reversal)


@pytest.mark.parametrize(
    ("questions", "value"),
    [
        (("near", "far"), 0.7),  # (0.8 + 0.6) / 2
        (("near", "away"), 0.1),  # (0.8 − 0.6) / 2: the mean is clamped, not its terms
        (("opposite",), 0.0),
    ],
)
def test_the_mean_cosine_clamped(case, answer, score, questions, value):
    found = score(AnswerRelevancy(), case(), answer(LONG), judge=asks(*questions), embedder=PLANE)
    assert found.value == pytest.approx(value, abs=1e-6)
    assert dict(found.parts) == {"noncommittal": 0.0, "short": 0.0}
    assert found.judgements == ()


def test_a_noncommittal_answer_is_zero_however_near_its_questions(case, answer, score):
    judge = asks("Where is the tower?", noncommittal=True)
    found = score(AnswerRelevancy(), case(), answer("I don't know, really."), judge=judge)
    assert found.value == 0.0
    assert dict(found.parts)["noncommittal"] == 1.0


def test_an_answer_without_a_word_is_zero_unasked(case, answer, score):
    judge = ScriptedJudge(reverses=lambda *_: pytest.fail("asked"))
    assert score(AnswerRelevancy(), case(), answer(" : "), judge=judge).value == 0.0


@pytest.mark.parametrize(
    ("text", "short"), [("It is in Paris.", 1.0), ("It is in Paris, France.", 0.0)]
)
def test_under_five_words_the_score_is_marked_unreliable(case, answer, score, text, short):
    found = score(AnswerRelevancy(), case(), answer(text))
    assert dict(found.parts)["short"] == short
    assert [j.label for j in found.judgements] == ["uncertain"] * int(short)


@pytest.mark.parametrize("questions", [(), ("near", " ")])
def test_no_question_for_a_committal_answer_is_no_score(case, answer, score, questions):
    found = score(AnswerRelevancy(), case(), answer(LONG), judge=asks(*questions))
    assert isinstance(found, Unscored)


def test_a_vector_that_is_no_number_is_no_score(case, answer, score):
    with pytest.raises(ProviderError, match="not finite"):
        score(AnswerRelevancy(), case(), answer(LONG), judge=asks("broken"), embedder=PLANE)


def test_only_cases_that_expect_an_answer(case):
    assert AnswerRelevancy().applies_to(case())
    assert not AnswerRelevancy().applies_to(case(expect="abstain"))
