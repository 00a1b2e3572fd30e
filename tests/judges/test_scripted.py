"""The judge that says what it was told to."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.errors import JudgeError
from evalkit.judges import JUDGES
from evalkit.judges.protocol import Reversal
from evalkit.judges.scripted import ScriptedJudge
from evalkit.providers.scripted_embedder import ScriptedEmbedder


def test_untold_it_agrees_with_everything():
    judge = ScriptedJudge()
    claims = asyncio.run(judge.claims(question="q", answer="It rains. It pours."))
    assert claims == ("It rains.", "It pours.")
    support = asyncio.run(judge.support(claims=claims, contexts=("p",)))
    assert [(j.unit, j.text, j.label) for j in support] == [
        ("c1", "It rains.", "supported"),
        ("c2", "It pours.", "supported"),
    ]
    (useful,) = asyncio.run(judge.usefulness(question="q", reference="r", contexts=("p",)))
    (attributed,) = asyncio.run(judge.attribution(sentences=("s",), contexts=("p",)))
    assert (useful.unit, useful.label) == ("p1", "useful")
    assert (attributed.unit, attributed.label) == ("s1", "attributed")


@pytest.mark.parametrize(("answer", "noncommittal"), [("It rains.", False), ("", True)])
def test_untold_every_answer_with_words_answers_the_question(answer, noncommittal):
    found = asyncio.run(ScriptedJudge().reversal(question="q?", answer=answer))
    assert found == Reversal(questions=("q?",), noncommittal=noncommittal)


def test_a_function_decides_by_the_text():
    judge = ScriptedJudge(supports=lambda claim: "supported" if "a" in claim else "contradicted")
    found = asyncio.run(judge.support(claims=("a", "b"), contexts=()))
    assert [j.label for j in found] == ["supported", "contradicted"]


def test_a_function_may_fail_as_a_real_judge_does():
    def refuse(question, answer):
        raise JudgeError("no verdict")

    with pytest.raises(JudgeError, match="no verdict"):
        asyncio.run(ScriptedJudge(makes_claims=refuse).claims(question="q", answer="a"))


def test_the_registry_makes_one_as_it_makes_any_judge():
    judge = JUDGES.get("scripted")(ScriptedEmbedder())
    assert judge.name == "scripted"


def test_its_card_says_that_it_is_a_stand_in():
    judge = JUDGES.get("scripted")(ScriptedEmbedder())
    assert (
        judge.card
        == ScriptedJudge().card
        == "scripted judge: a stand-in, its verdicts mean nothing"
    )
