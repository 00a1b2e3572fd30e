"""The reference pipeline as a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.rag.pipeline import RagPipeline
from evalkit.records import Answer, Document, Passage


@dataclass(frozen=True, slots=True)
class RagTarget:
    """Documents go through the pipeline's own chunking, embedding and index."""

    pipeline: RagPipeline

    @property
    def fingerprint(self) -> str:
        return self.pipeline.fingerprint

    @property
    def answering(self) -> str:
        """Names what makes an answer of passages that were found."""
        return self.pipeline.answering

    async def ingest(self, documents: Sequence[Document]) -> None:
        await self.pipeline.ingest(documents)

    async def answer(self, question: str) -> Answer:
        return await self.pipeline.answer(question)

    async def answer_from(self, question: str, retrieved: Sequence[Passage]) -> Answer:
        """As `answer`, with these passages in place of what would be found."""
        return await self.pipeline.answer_from(question, retrieved)
