"""What a target did: the passages it found, the calls it made, the answer or the failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evalkit.records.invariants import finite, require


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of one document, as it is embedded and shown to the generator.

    `start` and `end` are character offsets into the document's text.
    """

    id: str
    document_id: str
    title: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A retrieved chunk. `rank` counts from 1; `similarity` has the retriever's own scale."""

    document_id: str
    chunk_id: str
    text: str
    rank: int
    similarity: float
    title: str = ""

    def __post_init__(self) -> None:
        require(self.rank >= 1, f"a passage's rank counts from 1, got {self.rank}")
        finite("similarity", self.similarity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one or more model calls.

    `input_tokens` includes `cached_input_tokens` (read from the provider's prompt cache) and
    `cache_write_tokens` (written to it); `output_tokens` includes reasoning tokens.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0

    def __post_init__(self) -> None:
        for name in (
            "input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens",
        ):  # fmt: skip
            require(getattr(self, name) >= 0, f"{name} must not be negative")
        require(
            self.cached_input_tokens + self.cache_write_tokens <= self.input_tokens,
            "cached_input_tokens and cache_write_tokens are part of input_tokens",
        )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars at the run's pinned price table."""

    usd: float = 0.0

    def __post_init__(self) -> None:
        finite("usd", self.usd, low=0.0)

    def __add__(self, other: Cost) -> Cost:
        return Cost(usd=self.usd + other.usd)


NO_USAGE, NO_COST = Usage(), Cost()
"""One of each for everything that took nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a model is asked: one rendered prompt, an optional system text, an output bound.

    `schema` is a JSON Schema that the reply must satisfy, through the provider's own structured
    output; None asks for free text. `prompt_ref` is the released prompt behind it (`name@version`).
    `draw` tells requests apart that are alike in all else and want replies of their own; it is
    never sent, only part of what a reply is remembered under.
    """

    prompt: str
    system: str = ""
    max_output_tokens: int = 512
    schema: Mapping[str, Any] | None = None
    prompt_ref: str = ""
    draw: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model replied, without its reasoning.

    `latency_s` is that of the one attempt that succeeded: no waiting for our own concurrency limit,
    no attempt that failed, no pause between attempts. `cost` is at the price of a cold cache.
    `usage_known` is false where the provider gave no usable counts; `usage` is then the worst case.
    """

    text: str
    model: str
    usage: Usage
    cost: Cost
    latency_s: float
    stop_reason: Literal["stop", "length", "refusal"] = "stop"
    usage_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailEvent:
    """One thing a guardrail did. `subject` is a document id, or empty for input and output."""

    guardrail: str
    stage: Literal["input", "document", "output"]
    action: Literal["blocked", "dropped", "redacted"]
    reason: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a target returned for one input.

    `passages` are those the prompt carried, in prompt order; `retrieved` those found before any
    guardrail acted. `prompt` is the released prompt behind it (`name@version`), empty where the
    target has none. `stage_latency_s` splits `latency_s` by stage.
    """

    text: str
    passages: tuple[Passage, ...] = ()
    retrieved: tuple[Passage, ...] = ()
    events: tuple[GuardrailEvent, ...] = ()
    prompt: str = ""
    usage: Usage = NO_USAGE
    cost: Cost = NO_COST
    latency_s: float = 0.0
    stage_latency_s: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        finite("latency_s", self.latency_s, low=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The target gave no answer. It is never graded as a wrong one."""

    stage: str
    error_type: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attempt of the target at one case; `repeat` counts from 0."""

    case_id: str
    repeat: int
    outcome: Answer | Failure
