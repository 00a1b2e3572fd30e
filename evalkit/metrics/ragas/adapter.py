"""Ragas behind evalkit: the import, the judge and the embedder it gets, what its number becomes."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from evalkit.errors import JudgeError, ProviderError
from evalkit.metrics.peers import Replies, check_installed
from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.providers.protocol import Embedder
from evalkit.records import Answer, Case, Judgement, Score, Unscored

RELEASE = "0.4.3"
BROKEN_FROM = (0, 4, 2)
"""From this langchain-community on, ragas 0.4.3 fails on import."""

ENVIRONMENT = {"RAGAS_DO_NOT_TRACK": "true"}
"""Set in this process before the import and left: ragas looks once, and takes only this word."""

ROUNDING = 1e-9
"""How far outside [0, 1] a value may be and still be a rounding error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ragas:
    """What the adapter uses of the imported library, with evalkit's model and embedder behind."""

    metrics: ModuleType
    judge: type[Any]
    vectors: type[Any]


@functools.cache
def load() -> Ragas:
    """Import ragas; takes seconds and 200 MB, so only when a metric is first scored.

    The pinned release imports without a warning; the older half of it, which does not, is not used.
    """
    os.environ.update(ENVIRONMENT)
    from ragas.embeddings.base import BaseRagasEmbedding  # noqa: PLC0415 - optional, heavy
    from ragas.llms.base import InstructorBaseRagasLLM  # noqa: PLC0415 - optional, heavy
    from ragas.metrics import collections  # noqa: PLC0415 - optional, heavy

    class Judge(InstructorBaseRagasLLM):  # type: ignore[misc]  # ragas is untyped
        def __init__(self, replies: Replies) -> None:
            self.replies = replies

        def generate(self, prompt: str, response_model: type[Any]) -> Any:
            raise NotImplementedError("evalkit's models are asynchronous")

        async def agenerate(self, prompt: str, response_model: type[Any]) -> Any:
            return await self.replies.reply(prompt, response_model)

    class Vectors(BaseRagasEmbedding):  # type: ignore[misc]  # ragas is untyped
        def __init__(self, embedder: Embedder) -> None:
            super().__init__()
            self.embedder = embedder

        def embed_text(self, text: str, **_: Any) -> list[float]:
            raise NotImplementedError("evalkit's embedders are asynchronous")

        async def aembed_text(self, text: str, **_: Any) -> list[float]:
            return (await self.aembed_texts([text]))[0]

        async def aembed_texts(self, texts: list[str], **_: Any) -> list[list[float]]:
            rows = np.asarray(await self.embedder.embed(texts), dtype=np.float64)
            lengths = np.linalg.norm(rows, axis=-1)
            if rows.shape[:1] != (len(texts),) or not (np.isfinite(lengths) & (lengths > 0)).all():
                raise ProviderError(f"{self.embedder.name} gave vectors of no direction")
            vectors: list[list[float]] = rows.tolist()
            return vectors

    return Ragas(metrics=collections, judge=Judge, vectors=Vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class RagasMetric:
    """What the four have in common: the pins, one measurement, and what is made of its number."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = "answer"
    needs_model: ClassVar[bool] = True
    max_output_tokens: int = 2048

    def __post_init__(self) -> None:
        check_installed(self.name, "ragas", release=RELEASE)
        community = importlib.metadata.version("langchain-community")
        if tuple(int(part) for part in community.split(".")[:3] if part.isdigit()) >= BROKEN_FROM:
            what = f"{self.name}: ragas {RELEASE} cannot be imported beside langchain-community"
            raise ValueError(f"{what} {community}: pip install 'evalkit-gate[ragas]'")

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """As RAGAS asks and computes it. Raises what the judge's model or the embedder raises."""
        if self.is_nothing(answer):
            return Score(case_id=case.id, repeat=repeat, metric=self.name, value=0.0)
        if instruments.model is None:
            raise JudgeError(f"{self.name} asks a chat model, and the judge has none")
        peer = await asyncio.to_thread(load)  # an import of seconds must not hold up the loop
        replies = Replies(
            instruments.model,
            prompt_ref=f"ragas@{RELEASE}",
            max_output_tokens=self.max_output_tokens,
        )
        value = await self.measured(peer, replies, instruments.embedder, case, answer)
        fault = self.fault(replies)
        if not fault and not -1.0 - ROUNDING <= value <= 1.0 + ROUNDING:  # NaN is outside, too
            fault = f"RAGAS gave {value}, which is no score"
        if fault:
            return Unscored(case_id=case.id, repeat=repeat, metric=self.name, reason=fault)
        return Score(
            case_id=case.id,
            repeat=repeat,
            metric=self.name,
            value=min(1.0, max(0.0, value)),
            judgements=(*_clamped(value), *self.judgements(replies, answer)),
        )

    def is_nothing(self, answer: Answer) -> bool:
        """Whether there is nothing to ask about, which RAGAS refuses and evalkit scores 0."""
        raise NotImplementedError

    async def measured(
        self, peer: Ragas, replies: Replies, embedder: Embedder, case: Case, answer: Answer
    ) -> float:
        """RAGAS's own number."""
        raise NotImplementedError

    def fault(self, replies: Replies) -> str:
        """Why the judge's replies cannot be counted, as a sentence; empty where they can."""
        raise NotImplementedError

    def judgements(self, replies: Replies, answer: Answer) -> tuple[Judgement, ...]:
        """The judge's verdicts, for the reader."""
        return ()


def _clamped(value: float) -> tuple[Judgement, ...]:
    if not value < -ROUNDING:
        return ()
    note = f"the mean cosine is {value:.4f}; clamped to 0"
    return (
        Judgement(
            unit="cosine",
            text="the questions generated from the answer",
            label="uncertain",
            note=note,
        ),
    )
