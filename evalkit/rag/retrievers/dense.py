"""Passages whose embedding is nearest to the question's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.providers.protocol import Embedder
from evalkit.rag.index_cache import indexed
from evalkit.rag.protocol import IndexKind, VectorIndex
from evalkit.rag.ranking import Ranking, searchable
from evalkit.records import Chunk, Passage

TIE_ROOM = 16
"""Rows fetched beyond k, so that equal chunks at the border come in chunk order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSearch:
    """By inner product of embeddings; `similarity` is the cosine, in [−1, 1]."""

    async def build(
        self,
        chunks: Sequence[Chunk],
        *,
        embedder: Embedder,
        index: IndexKind,
        cache: Path | None = None,
    ) -> DenseRetriever:
        texts = [searchable(chunk) for chunk in chunks]
        rows = await indexed(texts, kind=index, embedder=embedder, folder=cache)
        return DenseRetriever(tuple(chunks), rows, embedder)


@dataclass(frozen=True, slots=True)
class DenseRetriever:
    """`DenseSearch` over some chunks."""

    chunks: tuple[Chunk, ...]
    index: VectorIndex
    embedder: Embedder

    async def ranking(self, question: str, depth: int) -> Ranking:
        """The nearest `depth` chunks, or all where there are fewer."""
        queries = await self.embedder.embed([question])
        room = min(depth + TIE_ROOM, len(self.chunks))
        if room == 0:
            return Ranking(np.empty(0, np.int64), np.empty(0))
        rows, similarities = self.index.search(queries, room)
        found = rows[0] >= 0
        ranking = Ranking.best(similarities[0][found].astype(np.float64), rows[0][found])
        return Ranking(ranking.rows[:depth], ranking.scores[:depth])

    async def retrieve(self, question: str, k: int) -> tuple[Passage, ...]:
        return (await self.ranking(question, k)).passages(self.chunks, k)
