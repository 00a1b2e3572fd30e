"""Approximate search in the clusters nearest to the question."""

from __future__ import annotations

import math
from dataclasses import dataclass

import faiss

from evalkit.providers.protocol import Vectors
from evalkit.rag.faiss_rows import FaissRows, at_least, filled

ROWS_A_LIST = 39
"""Below this many rows a list, FAISS calls its k-means undertrained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IvfIndex:
    """FAISS IndexIVFFlat by inner product, over seeded k-means.

    `lists` is the number of clusters and `probes` how many a search reads. 0 chooses: 4·√n lists
    but at least 39 rows in each, and a quarter of the lists (no fewer than 8) to read.
    """

    lists: int = 0
    probes: int = 0
    seed: int = 1234

    def __post_init__(self) -> None:
        at_least(0, lists=self.lists, probes=self.probes, seed=self.seed)

    def build(self, vectors: Vectors) -> FaissRows:
        rows, dimensions = vectors.shape
        quantizer = faiss.IndexFlatIP(dimensions)
        if rows == 0:  # k-means has nothing to learn from
            return filled(quantizer, vectors)
        lists = min(self.lists or max(1, min(int(4 * math.sqrt(rows)), rows // ROWS_A_LIST)), rows)
        index = faiss.IndexIVFFlat(quantizer, dimensions, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = self.seed
        index.cp.min_points_per_centroid = 1  # fewer rows than FAISS likes are no reason to warn
        index.nprobe = min(self.probes or max(8, lists // 4), lists)
        return filled(index, vectors)

    def restore(self, data: bytes) -> FaissRows:
        return FaissRows.from_bytes(data)
