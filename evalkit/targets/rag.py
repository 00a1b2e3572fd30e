"""The reference pipeline as a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.rag.pipeline import RagPipeline
from evalkit.records import Answer, Document


@dataclass(frozen=True, slots=True)
class RagTarget:
    """Documents go through the pipeline's own chunking, embedding and index."""

    pipeline: RagPipeline

    @property
    def fingerprint(self) -> str:
        return self.pipeline.fingerprint

    async def ingest(self, documents: Sequence[Document]) -> None:
        await self.pipeline.ingest(documents)

    async def answer(self, question: str) -> Answer:
        return await self.pipeline.answer(question)
