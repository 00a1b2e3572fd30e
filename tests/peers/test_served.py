"""Both libraries over the real `openai` SDK and a local server that speaks its protocol."""

from __future__ import annotations

import asyncio
import json

import pytest

from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.deepeval import criteria
from evalkit.metrics.deepeval import rag as deepeval_rag
from evalkit.metrics.protocol import Instruments
from evalkit.metrics.ragas import rag as ragas_rag
from evalkit.providers.openai import OpenAIModel
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from tests.servers.openai_server import OpenAIServer

TEXT = "The tower stands in Paris. It is tall."


@pytest.fixture
def served(monkeypatch):
    """Runs a metric against a server that replies by the title of the schema it is sent."""
    monkeypatch.setenv("OPENAI_API_KEY", "for a local server")

    async def scored(metric, case, answer, model):
        tools = Instruments(judge=ScriptedJudge(), embedder=ScriptedEmbedder(), model=model)
        try:
            return await metric.score(case, answer, repeat=0, instruments=tools)
        finally:
            await model.close()

    def run(metric, case, answer, replies):
        def reply(body):
            return json.dumps(replies[body["response_format"]["json_schema"]["schema"]["title"]])

        with OpenAIServer(reply) as server:
            model = OpenAIModel(model="gpt-test", base_url=server.base_url)
            found = asyncio.run(scored(metric, case, answer, model))
            return found, [seen.body for seen in server.requests]

    return run


def test_ragas_faithfulness(served, case, answer):
    row = {"reason": "r", "verdict": 1}
    replies = {
        "StatementGeneratorOutput": {"statements": ["a", "b"]},
        "NLIStatementOutput": {
            "statements": [{"statement": "a", **row}, {"statement": "b", **row, "verdict": 0}]
        },
    }
    metric = ragas_rag.Faithfulness()
    found, bodies = served(metric, case(), answer(TEXT, "In Paris."), replies)
    assert found.value == 0.5
    assert len(bodies) == 2
    assert bodies[0]["response_format"]["json_schema"]["strict"] is True
    assert bodies[0]["max_tokens"] == 2048


def test_deepeval_faithfulness(served, case, answer):
    replies = {
        "Truths": {"truths": ["It is in Paris."]},
        "Claims": {"claims": ["a", "b"]},
        "Verdicts": {
            "verdicts": [{"verdict": "yes", "reason": None}, {"verdict": "no", "reason": "r"}]
        },
    }
    metric = deepeval_rag.Faithfulness()
    found, bodies = served(metric, case(), answer(TEXT, "In Paris."), replies)
    assert found.value == 0.5
    assert len(bodies) == 3


def test_deepeval_g_eval(served, case, answer):
    replies = {"ReasonScore": {"reason": "so", "score": 7}, "Steps": {"steps": ["Read it."]}}
    metric = criteria.GEval(criteria="It is friendly.")
    found, bodies = served(metric, case(), answer(TEXT), replies)
    assert found.value == 0.7
    assert len(bodies) == 2
