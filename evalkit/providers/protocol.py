"""What every way to reach a model offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from evalkit.records import Completion, ModelRequest, Usage

Vectors = npt.NDArray[np.float32]
"""Shape (n, dimensions), unit rows."""


class Model(Protocol):
    """Text in, text out. `fingerprint` changes whenever the same request may answer differently."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    async def complete(self, request: ModelRequest) -> Completion:
        """One reply to one attempt. Raises a `ProviderError` when there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many requests an endpoint takes at once.

    An adaptive limiter begins at `start`, and moves between 1 and `max`; a static one stays at
    `max`: a local server queues what it cannot do yet and never says 429.
    """

    start: int = 16
    max: int = 64
    adaptive: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.start <= self.max:
            raise ValueError(f"needs 1 <= start <= max, got start={self.start}, max={self.max}")


class RemoteModel(Model, Protocol):
    """A model outside this process: it costs, it fails, and `evalkit.calls` goes around it.

    `endpoint` names what is shared by models that count against one rate limit. `complete` makes
    exactly one attempt, unpriced unless the model prices itself, which a `price_table` of its own
    says. One that must be started first has `async def ready()`, awaited before every attempt and
    outside its time limit. `fingerprint` covers every parameter sent and no address of a server
    that we started.
    """

    @property
    def endpoint(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    async def close(self) -> None:
        """Let go of connections; a call after this opens new ones."""
        ...


def is_remote(model: Model) -> TypeGuard[RemoteModel]:
    """Whether calls to the model leave this process."""
    return hasattr(model, "endpoint")


class Embedder(Protocol):
    """Texts to unit vectors, one row a text, in the order given."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), float32, each row of length 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What one attempt at embedding gave: unit rows in the order asked, and what they took."""

    vectors: Vectors
    usage: Usage
    latency_s: float
    usage_known: bool = True


class RemoteEmbedder(Embedder, Protocol):
    """An embedder outside this process; its attempts are to an `Embedding` what `complete` is.

    `batch` is how many texts one attempt may carry. `embed` is one attempt a batch, unguarded.
    """

    @property
    def endpoint(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def batch(self) -> int: ...

    async def embed_once(self, texts: Sequence[str]) -> Embedding:
        """One request for all the texts. Raises a `ProviderError` when there is no reply."""
        ...

    async def close(self) -> None:
        """Let go of connections; a call after this opens new ones."""
        ...


def is_remote_embedder(embedder: Embedder) -> TypeGuard[RemoteEmbedder]:
    """Whether texts leave this process to be embedded."""
    return hasattr(embedder, "endpoint")
