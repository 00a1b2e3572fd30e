from __future__ import annotations

import pytest

from evalkit.metrics.deepeval.criteria import GEval, PromptAlignment, Rubric, Summarization

LOW = Rubric(score_range=(0, 4), expected_outcome="rude")
HIGH = Rubric(score_range=(5, 10), expected_outcome="kind")


def test_a_criterion_needs_words_or_steps(deepeval):
    GEval(criteria="It is friendly.")
    GEval(evaluation_steps=("Read it.",))
    for options in ({}, {"criteria": " "}):
        with pytest.raises(ValueError, match="needs criteria"):
            GEval(**options)
    with pytest.raises(ValueError, match="evaluation_params"):
        GEval(criteria="It is friendly.", evaluation_params=())


@pytest.mark.parametrize("band", [(0,), (4, 2), (-1, 3), (5, 11)])
def test_a_band_lies_within_the_scale(band):
    with pytest.raises(ValueError, match="score_range"):
        Rubric(score_range=band, expected_outcome="kind")


def test_bands_must_not_overlap(deepeval):
    GEval(criteria="It is friendly.", rubric=(HIGH, LOW))
    with pytest.raises(ValueError, match=r"overlap: \[\[0, 4\], \[4, 10\]\]"):
        GEval(
            criteria="It is friendly.",
            rubric=(Rubric(score_range=(4, 10), expected_outcome="kind"), LOW),
        )


def test_what_it_is_shown_decides_which_cases_it_applies_to(deepeval, case, answer, score):
    bare = case(references=())
    assert GEval(criteria="x").applies_to(bare)
    compared = GEval(criteria="x", evaluation_params=("actual_output", "expected_output"))
    assert not compared.applies_to(bare)
    assert compared.applies_to(case())
    grounded = GEval(criteria="x", evaluation_params=("actual_output", "context"))
    assert score(grounded, case(), answer("In Paris.")).value == 0.0  # no passage, nothing asked


def test_no_instruction_and_no_question_are_refused(deepeval, case):
    assert PromptAlignment(prompt_instructions=("Be brief.",)).applies_to(case(references=()))
    with pytest.raises(ValueError, match="prompt_instructions"):
        PromptAlignment(prompt_instructions=())
    assert Summarization().applies_to(case(references=()))
    for options in ({"n": 0}, {"assessment_questions": ()}):
        with pytest.raises(ValueError, match="assessment question"):
            Summarization(**options)
