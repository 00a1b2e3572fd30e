"""The seams of the reference pipeline: chunker, index, retriever, guardrail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from evalkit.providers.protocol import Embedder, Vectors
from evalkit.records import Chunk, Document, GuardrailEvent, Passage


class Chunker(Protocol):
    """Documents to chunks, in document order."""

    def chunk(self, document: Document) -> tuple[Chunk, ...]: ...


class VectorIndex(Protocol):
    """Nearest rows by inner product, over vectors that no longer change."""

    def search(
        self, queries: Vectors, k: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Row numbers and similarities, both (n_queries, k), best first, ties by row number.

        Where fewer than k rows are found, −1 and −inf fill up.
        """
        ...

    def to_bytes(self) -> bytes:
        """Everything `IndexKind.restore` needs."""
        ...


class IndexKind(Protocol):
    """A way to index: a frozen dataclass whose fields are its options and whose repr names them.

    A database server fits behind it: `to_bytes` then names the collection it filled.
    """

    def build(self, vectors: Vectors) -> VectorIndex:
        """From all vectors, shape (n, dimensions). The same vectors give the same index."""
        ...

    def restore(self, data: bytes) -> VectorIndex:
        """The index that gave these bytes. Any exception means: build it again."""
        ...


class Retriever(Protocol):
    """A question to ranked passages."""

    async def retrieve(self, question: str, k: int) -> tuple[Passage, ...]:
        """At most k passages, best first, ranked from 1; ties in chunk order."""
        ...


class RetrieverKind(Protocol):
    """A way to search: a frozen dataclass whose fields are its options."""

    async def build(
        self,
        chunks: Sequence[Chunk],
        *,
        embedder: Embedder,
        index: IndexKind,
        cache: Path | None = None,
    ) -> Retriever:
        """A retriever over these chunks; `cache` is a folder for what is costly to build."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A text after a guardrail: `text` is None when it must not go further."""

    text: str | None
    events: tuple[GuardrailEvent, ...] = ()


class Guardrail(Protocol):
    """Looks at one text at one stage. A guardrail that raises fails closed: the text is blocked."""

    @property
    def name(self) -> str: ...

    def guard(
        self, text: str, *, stage: Literal["input", "document", "output"], subject: str = ""
    ) -> Guarded: ...
