"""Passages that share the question's rarer words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from evalkit.providers.protocol import Embedder
from evalkit.rag.protocol import IndexKind
from evalkit.rag.ranking import Ranking, searchable
from evalkit.records import Chunk, Passage
from evalkit.text import content_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Bm25Search:
    """Lucene's BM25 over stems without stop words; `similarity` is the BM25 score, above 0.

    `k1` says how much repetition counts, `b` how much length does. Takes neither embedder nor
    index. A passage without any word of the question is not found.
    """

    k1: float = 1.5
    b: float = 0.75

    def __post_init__(self) -> None:
        if self.k1 < 0:
            raise ValueError(f"k1 must not be negative, got {self.k1}")
        if not 0 <= self.b <= 1:
            raise ValueError(f"b must be within [0, 1], got {self.b}")

    async def build(
        self,
        chunks: Sequence[Chunk],
        *,
        embedder: Embedder,
        index: IndexKind,
        cache: Path | None = None,
    ) -> Bm25Retriever:
        return Bm25Retriever(tuple(chunks), await asyncio.to_thread(self._model, chunks))

    def _model(self, chunks: Sequence[Chunk]) -> Any:
        stems = [list(_stems(searchable(chunk))) for chunk in chunks]
        if not any(stems):
            return None
        # NumPy by name: "auto" would take numba where it is installed, and with it other bits.
        model = bm25s.BM25(k1=self.k1, b=self.b, backend="numpy")
        model.index(stems, show_progress=False)
        return model


@lru_cache(maxsize=8192)  # suites share most of their documents
def _stems(text: str) -> tuple[str, ...]:
    return content_words(text)


@dataclass(frozen=True, slots=True)
class Bm25Retriever:
    """`Bm25Search` over some chunks; `model` is None where no chunk has a word to index."""

    chunks: tuple[Chunk, ...]
    model: Any

    def ranking(self, question: str, depth: int) -> Ranking:
        """The best `depth` chunks, those without a shared word (score 0) at the end."""
        scores = np.zeros(len(self.chunks))
        stems = list(content_words(question))
        if self.model is not None and stems:
            scores = self.model.get_scores(stems).astype(np.float64)
        ranking = Ranking.best(scores, np.arange(len(self.chunks)))
        return Ranking(ranking.rows[:depth], ranking.scores[:depth])

    async def retrieve(self, question: str, k: int) -> tuple[Passage, ...]:
        ranking = self.ranking(question, k)
        found = ranking.scores > 0
        return Ranking(ranking.rows[found], ranking.scores[found]).passages(self.chunks, k)
