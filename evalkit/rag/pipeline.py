"""The reference RAG pipeline: guard, retrieve, guard again, prompt, generate, guard once more."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from evalkit import scope
from evalkit.errors import ConfigError, Problem
from evalkit.prompts import render
from evalkit.providers.protocol import Embedder, Model
from evalkit.rag.carried import carried
from evalkit.rag.protocol import (
    Chunker,
    Guarded,
    Guardrail,
    IndexKind,
    Retriever,
    RetrieverKind,
)
from evalkit.records import (
    Answer,
    Chunk,
    Completion,
    Cost,
    Document,
    GuardrailEvent,
    ModelRequest,
    Passage,
    Prompt,
    Usage,
)

REFUSAL = "I can't help with that request."
"""What is answered in place of a blocked question or a blocked reply."""

Stage = Literal["input", "document", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RagConfig:
    """What shapes the answers, apart from the models: parts, k, prompt, guardrails in order."""

    prompt: Prompt
    chunker: Chunker
    index: IndexKind
    retriever: RetrieverKind
    k: int = 5
    guardrails: tuple[Guardrail, ...] = ()
    max_output_tokens: int = 512

    def __post_init__(self) -> None:
        for name in ("k", "max_output_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(slots=True)
class _Record:
    """What one answer gathers on its way: events, and seconds by stage."""

    events: list[GuardrailEvent] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a stage, less its waiting for limits; names it on an exception, unchanged else."""
        started, waited = time.perf_counter(), scope.current().waited_s
        try:
            yield
        except Exception as error:
            error.add_note(f"stage: {name}")
            raise
        finally:
            waited = scope.current().waited_s - waited
            self.seconds[name] = max(0.0, time.perf_counter() - started - waited)


class RagPipeline:
    """Documents in, then questions to answers. Safe for many questions at once.

    `cache` is the folder under which built indexes are kept, or None.
    """

    def __init__(
        self, config: RagConfig, *, generator: Model, embedder: Embedder, cache: Path | None = None
    ) -> None:
        self.config = config
        self.generator = generator
        self._embedder = embedder
        self._cache = cache / "indexes" if cache else None
        self._retriever: Retriever | None = None

    @property
    def fingerprint(self) -> str:
        """Names everything that shapes an answer, except the documents."""
        config = self.config
        parts = (
            repr(config.chunker), repr(config.index), repr(config.retriever), str(config.k),
            config.prompt.digest, *(_guardrail_identity(g) for g in config.guardrails),
            str(config.max_output_tokens), self.generator.fingerprint, self._embedder.fingerprint,
        )  # fmt: skip
        return f"rag-{_short_digest(parts)}"

    @property
    def answering(self) -> str:
        """Names what makes an answer of passages that were found: guardrails, prompt, model."""
        config = self.config
        parts = (
            config.prompt.digest, *(_guardrail_identity(g) for g in config.guardrails),
            str(config.max_output_tokens), self.generator.fingerprint,
        )  # fmt: skip
        return f"answering-{_short_digest(parts)}"

    async def ingest(self, documents: Sequence[Document]) -> None:
        """Chunk, embed and index; replaces what was ingested before.

        Raises `ConfigError` where there is no text to search.
        """
        chunks = await asyncio.to_thread(self._chunked, documents)
        if not chunks:
            what = "the corpus has no text to retrieve from"
            problem = Problem(where="ingest", what=what, value=f"{len(documents)} documents")
            raise ConfigError([problem])
        self._retriever = await self.config.retriever.build(
            chunks, embedder=self._embedder, index=self.config.index, cache=self._cache
        )

    def _chunked(self, documents: Sequence[Document]) -> list[Chunk]:
        return [chunk for document in documents for chunk in self.config.chunker.chunk(document)]

    async def answer(self, question: str) -> Answer:
        """One answer. An exception carries a note `stage: <name>`.

        `latency_s` is the sum of the stages; `generate` is the model's own `latency_s`, without the
        wait for our concurrency limit.
        """
        record = _Record()
        allowed = self._guard_input(question, record)
        if allowed is None:
            return _answer(record, text=REFUSAL)
        return await self._answered(allowed, await self._retrieve(allowed, record), record)

    async def answer_from(self, question: str, retrieved: Sequence[Passage]) -> Answer:
        """As `answer`, with these passages in place of what would be found; nothing is searched."""
        record = _Record()
        allowed = self._guard_input(question, record)
        if allowed is None:
            return _answer(record, text=REFUSAL)
        return await self._answered(allowed, tuple(retrieved), record)

    async def _answered(
        self, question: str, retrieved: tuple[Passage, ...], record: _Record
    ) -> Answer:
        passages = self._guard_documents(retrieved, record)
        prompt = self._prompt(question, passages, record)
        completion = await self._generate(self._asked(prompt), record)
        text = self._guard_output(completion.text, record)
        return _answer(
            record,
            text=REFUSAL if text is None else text,
            passages=carried(passages, prompt),
            retrieved=retrieved,
            prompt=self.config.prompt.ref,
            usage=completion.usage,
            cost=completion.cost,
        )

    def _guard_input(self, question: str, record: _Record) -> str | None:
        with record.stage("guard_input"):
            return self._guarded(question, "input", record)

    async def _retrieve(self, question: str, record: _Record) -> tuple[Passage, ...]:
        with record.stage("retrieve"):
            if self._retriever is None:
                raise RuntimeError("ingest the documents before asking the first question")
            return await self._retriever.retrieve(question, self.config.k)

    def _guard_documents(self, passages: Sequence[Passage], record: _Record) -> tuple[Passage, ...]:
        """The passages that may reach the prompt, redacted where a guardrail said so."""
        kept = []
        with record.stage("guard_documents"):
            for passage in passages:
                text = self._guarded(passage.text, "document", record, passage.document_id)
                # The prompt shows the title as well, so an attack could stand in it.
                title = self._guarded(passage.title, "document", record, passage.document_id)
                if text is not None and title is not None:
                    kept.append(replace(passage, text=text, title=title))
        return tuple(kept)

    def _prompt(self, question: str, passages: Sequence[Passage], record: _Record) -> str:
        with record.stage("prompt"):
            shown = [
                {"id": p.chunk_id, "title": p.title, "text": p.text, "rank": p.rank}
                for p in passages
            ]
            return render(self.config.prompt, {"question": question, "passages": shown})

    async def request(self, question: str) -> ModelRequest | None:
        """What the generator would be asked; None where a guardrail blocks the question."""
        record = _Record()
        allowed = self._guard_input(question, record)
        if allowed is None:
            return None
        passages = self._guard_documents(await self._retrieve(allowed, record), record)
        return self._asked(self._prompt(allowed, passages, record))

    def _asked(self, prompt: str) -> ModelRequest:
        return ModelRequest(
            prompt=prompt,
            max_output_tokens=self.config.max_output_tokens,
            prompt_ref=self.config.prompt.ref,
        )

    async def _generate(self, request: ModelRequest, record: _Record) -> Completion:
        with record.stage("generate"):
            completion = await self.generator.complete(request)
        record.seconds["generate"] = completion.latency_s
        return completion

    def _guard_output(self, text: str, record: _Record) -> str | None:
        with record.stage("guard_output"):
            return self._guarded(text, "output", record)

    def _guarded(self, text: str, stage: Stage, record: _Record, subject: str = "") -> str | None:
        """The text after all guardrails in order, or None once one of them withholds it."""
        for guardrail in self.config.guardrails:
            if not text:
                return text
            guarded = _asked(guardrail, text, stage, subject)
            record.events.extend(guarded.events)
            if guarded.text is None:
                return None
            text = guarded.text
        return text


def _asked(guardrail: Guardrail, text: str, stage: Stage, subject: str) -> Guarded:
    """What the guardrail says; one that raises has withheld the text, and the event says so."""
    try:
        return guardrail.guard(text, stage=stage, subject=subject)
    except Exception as error:  # noqa: BLE001 - fail closed, whatever broke
        event = GuardrailEvent(
            guardrail=guardrail.name,
            stage=stage,
            action="dropped" if stage == "document" else "blocked",
            reason=f"the guardrail raised {type(error).__name__}",
            subject=subject,
        )
        return Guarded(text=None, events=(event,))


def _short_digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]


def _guardrail_identity(guardrail: Guardrail) -> str:
    """Its fingerprint where it has one, else its name."""
    return str(getattr(guardrail, "fingerprint", guardrail.name))


def _answer(
    record: _Record,
    *,
    text: str,
    passages: tuple[Passage, ...] = (),
    retrieved: tuple[Passage, ...] = (),
    prompt: str = "",
    usage: Usage | None = None,
    cost: Cost | None = None,
) -> Answer:
    return Answer(
        text=text,
        passages=passages,
        retrieved=retrieved,
        events=tuple(record.events),
        prompt=prompt,
        usage=usage or Usage(),
        cost=cost or Cost(),
        latency_s=sum(record.seconds.values()),
        stage_latency_s=tuple(record.seconds.items()),
    )
