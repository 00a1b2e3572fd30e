"""What holds for every judge: those of the registry, a chat model as the judge, a panel of judges.

The chat model is scripted (tests/judges/naive.py): it reads the rendered prompt and compares words.
"""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import JudgeError
from evalkit.judges import JUDGES
from evalkit.judges.llm import LlmJudge
from evalkit.judges.panel import PanelJudge
from evalkit.judges.protocol import Judge
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics import context_precision, context_recall, faithfulness
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Label
from tests.judges import naive


def llm(**options):
    return LlmJudge(model=naive.model(naive.honest), **options)


MADE = {
    **{name: (lambda name=name: JUDGES.get(name)(ScriptedEmbedder())) for name in JUDGES.names()},
    "llm": llm,
    "llm, closed schema": lambda: llm(closed_schema=True),
    "panel": lambda: PanelJudge(judges=(llm(), ScriptedJudge(), llm(reversed_questions=1))),
    "strict panel": lambda: PanelJudge(judges=(llm(), ScriptedJudge()), rule="minimum"),
}
QUESTION = "Where did the rain fall on Monday?"
ANSWER = "The rain fell on Paris. The snow fell on Oslo."
CONTEXTS = (
    "On Monday the rain fell on Paris, as it often does. It was cold.",
    "The  river\nrose by 3 metres – “a record”.",
    "The rain fell on Paris.",
)
UNITS = ("The rain fell on Paris.", "The river rose by 3 metres.", "Nobody was there.")
TEXTS = st.text(alphabet='aB 1.?:"{}[]\n\u200b\u202e\U000e0041\x1b\ud800é日', max_size=40)


@pytest.fixture(params=MADE, scope="module")
def judge(request) -> Judge:
    return MADE[request.param]()


def verdicts(judge, units=UNITS, contexts=CONTEXTS):
    """Each verdict question's judgements, with the prefix and labels it is asked with."""
    ask = {
        ("c", faithfulness.LABELS, units): judge.support(claims=units, contexts=contexts),
        ("p", context_precision.LABELS, contexts): judge.usefulness(
            question=QUESTION, reference=ANSWER, contexts=contexts
        ),
        ("s", context_recall.LABELS, units): judge.attribution(sentences=units, contexts=contexts),
    }
    return [(*key, asyncio.run(asked)) for key, asked in ask.items()]


def test_every_unit_gets_a_verdict_in_the_order_asked(judge):
    for prefix, labels, units, found in verdicts(judge):
        assert [judgement.unit for judgement in found] == [
            f"{prefix}{i}" for i in range(1, len(units) + 1)
        ]
        assert [judgement.text for judgement in found] == list(units)
        assert {judgement.label for judgement in found} <= set(labels) <= set(get_args(Label))


def test_evidence_is_verbatim(judge):
    """Of one context, white space aside; so that a report can mark it there."""
    flat = [" ".join(context.split()) for context in CONTEXTS]
    for *_, found in verdicts(judge):
        for judgement in found:
            assert any(" ".join(judgement.evidence.split()) in context for context in flat)


def test_the_same_question_has_the_same_answer(judge):
    assert verdicts(judge) == verdicts(judge)
    for ask in (judge.claims, judge.reversal):
        first, second = (asyncio.run(ask(question=QUESTION, answer=ANSWER)) for _ in range(2))
        assert first == second


def test_claims_are_texts_and_an_answer_without_a_word_has_none(judge):
    claims = asyncio.run(judge.claims(question=QUESTION, answer=ANSWER))
    assert claims
    assert all(claim.strip() for claim in claims)
    if judge.name != "scripted":  # it says what it was told to, of anything
        for answer in ("", " ", "…"):
            assert asyncio.run(judge.claims(question=QUESTION, answer=answer)) == ()


def test_an_answer_is_turned_back_into_questions(judge):
    found = asyncio.run(judge.reversal(question=QUESTION, answer=ANSWER))
    assert not found.noncommittal
    assert found.questions
    assert all(text.strip() for text in found.questions)
    assert asyncio.run(judge.reversal(question=QUESTION, answer="…")).noncommittal


def test_nothing_asked_is_nothing_said(judge):
    assert asyncio.run(judge.support(claims=(), contexts=CONTEXTS)) == ()
    assert asyncio.run(judge.attribution(sentences=(), contexts=CONTEXTS)) == ()
    assert asyncio.run(judge.usefulness(question="q", reference="r", contexts=())) == ()


def test_it_says_who_it_is(judge):
    assert judge.name
    assert judge.fingerprint
    assert judge.card
    assert "\n" not in judge.name + judge.fingerprint + judge.card


def test_two_judges_that_could_judge_differently_have_different_fingerprints():
    prints = [made().fingerprint for made in MADE.values()]
    assert len(set(prints)) == len(prints)


@settings(max_examples=settings.default.max_examples * 2 // 5)
@given(units=st.lists(TEXTS, max_size=3), contexts=st.lists(TEXTS, max_size=3), answer=TEXTS)
def test_any_text_gets_verdicts_or_a_judge_error(units, contexts, answer):
    """Hostile, broken or empty: a verdict for each unit, or `JudgeError`; nothing else."""
    for made in MADE.values():
        judge = made()
        try:
            for _, labels, asked, found in verdicts(judge, tuple(units), tuple(contexts)):
                assert len(found) == len(asked)
                assert {judgement.label for judgement in found} <= set(labels)
            asyncio.run(judge.claims(question=answer, answer=answer))
            asyncio.run(judge.reversal(question="Where is it?", answer=answer))
        except JudgeError:
            pass
