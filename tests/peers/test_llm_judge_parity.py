"""The same oracle through the LLM judge: prompts rendered, replies parsed, quotes looked up."""

from __future__ import annotations

import json

import pytest

from evalkit.judges.llm import LlmJudge
from evalkit.judges.wording import Wording
from evalkit.providers.scripted import ScriptedModel
from evalkit.records import Score
from tests.peers.test_ragas_parity import (
    CASES,
    EQUAL,
    METRICS,
    SEED,
    by_evalkit,
    by_ragas,
    drawn,
)


def plain_words(content, meanings):
    """Words that the stand-in below can say without reading its prompt."""
    return Wording(nonce="nonce", words={meaning: f"says {meaning}" for meaning in meanings})


def judge_of(case):
    """An LLM judge whose model, a stand-in, replies what was drawn, in the schema asked for."""

    def verdict(unit, ok, good, bad, **more):
        quoted = (
            {"context": "p1", "quote": case.contexts[0]} if ok else {"context": "", "quote": ""}
        )
        said = f"says {good if ok else bad}"
        return {"id": unit, "reason": "so", **quoted, **more, "verdict": said}

    def said(question):
        if question == "judge_claims":
            return {
                "sentences": [
                    {"id": f"s{i}", "kind": "says stating", "claims": [text]}
                    for i, (text, _) in enumerate(case.claims, start=1)
                ]
            }
        if question == "judge_support":
            pairs = enumerate(case.claims, start=1)
            wrong = ("contradicted", "unsupported")
            rows = [verdict(f"c{i}", ok, "supported", wrong[i % 2]) for i, (_, ok) in pairs]
        elif question == "judge_attribution":
            pairs = enumerate(case.sentences, start=1)
            rows = [verdict(f"s{i}", ok, "attributed", "not_attributed") for i, (_, ok) in pairs]
        elif question == "judge_usefulness":
            pairs = enumerate(case.chunks, start=1)
            rows = [
                verdict(f"p{i}", ok, "useful", "not_useful", quote=text if ok else "")
                for i, (text, ok) in pairs
            ]
            for row in rows:
                del row["context"]
        else:
            assert question == "judge_reversal"
            silent = all(flag for _, flag in case.questions)
            asked = enumerate(case.questions, start=1)
            return {
                "commitment": "says noncommittal" if silent else "says committal",
                "questions": [{"id": f"q{i}", "text": text} for i, (text, _) in asked],
            }
        return {"verdicts": rows}

    model = ScriptedModel(lambda request: json.dumps(said(request.prompt_ref.partition("@")[0])))
    return LlmJudge(model=model, reversed_questions=len(case.questions), draw=plain_words)


@pytest.mark.parametrize("name", METRICS)
def test_through_the_llm_judge_the_numbers_are_the_same(name):
    compared = 0
    for i in range(CASES):
        case = drawn(SEED + i)
        theirs, ours = by_ragas(name, case), by_evalkit(name, case, judge=judge_of(case))
        assert isinstance(ours, Score), ours
        if theirs >= 0:  # a negative cosine is clamped: tests/peers/test_ragas_parity.py
            assert abs(ours.value - theirs) < EQUAL, (case, ours.value, theirs)
            compared += 1
    assert compared >= 200
