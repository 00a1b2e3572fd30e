"""Exact search: every row is compared."""

from __future__ import annotations

from dataclasses import dataclass

import faiss

from evalkit.providers.protocol import Vectors
from evalkit.rag.faiss_rows import FaissRows, filled


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatIndex:
    """FAISS IndexFlatIP. Nothing to tune; the right choice below some 100,000 chunks."""

    def build(self, vectors: Vectors) -> FaissRows:
        return filled(faiss.IndexFlatIP(vectors.shape[1]), vectors)

    def restore(self, data: bytes) -> FaissRows:
        return FaissRows.from_bytes(data)
