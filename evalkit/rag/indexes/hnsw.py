"""Approximate search over a navigable small-world graph."""

from __future__ import annotations

from dataclasses import dataclass

import faiss

from evalkit.providers.protocol import Vectors
from evalkit.rag.faiss_rows import FaissRows, at_least, filled


@dataclass(frozen=True, slots=True, kw_only=True)
class HnswIndex:
    """FAISS IndexHNSWFlat by inner product.

    `links` are edges per node, `ef_construction` and `ef_search` the candidates held while building
    and searching: more of each finds more and takes longer. Built by one thread from FAISS's fixed
    level seed, so the same vectors give the same graph.
    """

    links: int = 32
    ef_construction: int = 200
    ef_search: int = 128

    def __post_init__(self) -> None:
        at_least(2, links=self.links)
        at_least(1, ef_construction=self.ef_construction, ef_search=self.ef_search)

    def build(self, vectors: Vectors) -> FaissRows:
        index = faiss.IndexHNSWFlat(vectors.shape[1], self.links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.ef_construction
        index.hnsw.efSearch = self.ef_search
        return filled(index, vectors)

    def restore(self, data: bytes) -> FaissRows:
        return FaissRows.from_bytes(data)
