"""A metric on one case, with a scripted judge and embedder where a test brings none."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.protocol import Instruments
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Answer, Case, Passage


@pytest.fixture
def case():
    def build(**changes) -> Case:
        fields = {"id": "c1", "input": "Where is the tower?", "references": ("In Paris.",)}
        return Case(**(fields | changes))

    return build


@pytest.fixture
def answer():
    """An answer whose passages are given as texts, or as `(document, text)`, best first."""

    def build(text: str, *passages: str | tuple[str, str]) -> Answer:
        pairs = [(f"d{i}", p) if isinstance(p, str) else p for i, p in enumerate(passages, 1)]
        found = tuple(
            Passage(
                document_id=document,
                chunk_id=f"{document}#{i}",
                text=body,
                rank=i,
                similarity=1 / i,
            )
            for i, (document, body) in enumerate(pairs, start=1)
        )
        return Answer(text=text, passages=found)

    return build


@pytest.fixture
def score():
    def run(metric, case, answer, *, judge=None, embedder=None):
        instruments = Instruments(
            judge=judge or ScriptedJudge(), embedder=embedder or ScriptedEmbedder()
        )
        return asyncio.run(metric.score(case, answer, repeat=0, instruments=instruments))

    return run
