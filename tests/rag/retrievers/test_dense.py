"""Passages whose embedding is nearest to the question's."""

from __future__ import annotations

import asyncio

import pytest

from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.rag.indexes.flat import FlatIndex
from evalkit.rag.retrievers.dense import TIE_ROOM, DenseSearch
from evalkit.records import Chunk


def chunk(n, text):
    return Chunk(id=f"d{n}#1", document_id=f"d{n}", title="", text=text, start=0, end=len(text))


EMBEDDER = ScriptedEmbedder(
    dimensions=2, given={"q": (1, 0), "near": (0.96, 0.28), "far": (0, 1), "against": (-1, 0)}
)


def retrieved(texts, k, question="q"):
    async def run():
        chunks = [chunk(n, text) for n, text in enumerate(texts)]
        retriever = await DenseSearch().build(chunks, embedder=EMBEDDER, index=FlatIndex())
        return await retriever.retrieve(question, k)

    return asyncio.run(run())


def test_similarity_is_the_cosine():
    """Unit vectors at angles whose cosines are 0.96, 0 and −1."""
    found = retrieved(["far", "against", "near"], 3)
    assert [p.document_id for p in found] == ["d2", "d0", "d1"]
    assert [p.similarity for p in found] == pytest.approx([0.96, 0.0, -1.0])


def test_equal_chunks_at_the_border_come_in_chunk_order():
    """More equal rows than k: which of them an index finds first must not decide."""
    texts = ["near"] * (TIE_ROOM // 2)
    assert [p.document_id for p in retrieved(texts, 2)] == ["d0", "d1"]


def test_no_chunks_are_no_passages():
    """An empty corpus is answered with nothing, not with an error of the index."""
    assert retrieved([], 3) == ()
