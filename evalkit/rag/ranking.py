"""Chunks in order of some score: what retrievers pass between themselves and on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.records import Chunk, Passage


@dataclass(frozen=True, slots=True)
class Ranking:
    """Chunk numbers and their scores, both (n,), best first, ties in chunk order."""

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]

    @classmethod
    def best(cls, scores: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]) -> Ranking:
        """These rows in order of these scores."""
        order = np.lexsort((rows, -scores))
        return cls(rows[order], scores[order])

    def passages(self, chunks: Sequence[Chunk], k: int) -> tuple[Passage, ...]:
        """The first k as passages; `similarity` is the score."""
        pairs = zip(self.rows[:k].tolist(), self.scores[:k].tolist(), strict=True)
        return tuple(
            Passage(
                document_id=chunks[row].document_id,
                chunk_id=chunks[row].id,
                title=chunks[row].title,
                text=chunks[row].text,
                rank=rank,
                similarity=score,
            )
            for rank, (row, score) in enumerate(pairs, start=1)
        )


def searchable(chunk: Chunk) -> str:
    """What is embedded and indexed for a chunk: its title too.

    A passage that opens with "He was born in" is found by the name in its title: on ClapNQ, dense
    R@1 is 0.98 with titles and 0.92 without (docs/retrieval.md).
    """
    return f"{chunk.title}. {chunk.text}" if chunk.title else chunk.text
