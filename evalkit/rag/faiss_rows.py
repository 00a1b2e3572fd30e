"""What every FAISS index here shares once it is built: search, bytes, one thread."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from evalkit.providers.protocol import Vectors


class FaissRows:
    """A filled FAISS index behind the `VectorIndex` protocol."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def from_bytes(cls, data: bytes) -> FaissRows:
        """The index that `to_bytes` described. Trusts its input: check a digest before."""
        return cls(faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8)))

    def to_bytes(self) -> bytes:
        return bytes(faiss.serialize_index(self._index))

    def search(
        self, queries: Vectors, k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        _one_thread()
        similarities, rows = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        similarities = np.where(rows < 0, -np.inf, similarities).astype(np.float32)
        order = np.lexsort((rows, -similarities), axis=-1)
        return np.take_along_axis(rows, order, -1), np.take_along_axis(similarities, order, -1)


def filled(index: Any, vectors: Vectors) -> FaissRows:
    """The empty FAISS index trained on and filled with these rows."""
    _one_thread()
    rows = np.ascontiguousarray(vectors, np.float32)
    if len(rows):
        if not index.is_trained:
            index.train(rows)
        index.add(rows)
    return FaissRows(index)


def at_least(least: int, **options: int) -> None:
    """Raises `ValueError` for the first option below `least`."""
    for name, value in options.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def _one_thread() -> None:
    # A graph built by two threads depends on which was faster; a search by one is fast enough.
    faiss.omp_set_num_threads(1)
