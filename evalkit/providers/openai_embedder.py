"""OpenAI's embeddings, and every server that speaks their protocol."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from evalkit.errors import BadReply
from evalkit.providers import exchange, wire
from evalkit.providers.connections import (
    Connections,
    Opened,
    check_address,
    check_headers,
    check_timeout,
)
from evalkit.providers.openai import (
    OPENAI_URL,
    check_model_name,
    fingerprint,
    open_openai,
    shown_headers,
)
from evalkit.providers.protocol import Embedding, Limits, Vectors
from evalkit.records import Usage

PATH = "/embeddings"
WIDTHS: Mapping[str, int] = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""The full width of the models that OpenAI lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIEmbedder:
    """An embedding model behind `base_url`, OpenAI's own where it is empty.

    `dimensions` is the width of a vector; it may be left out for the models in `WIDTHS`, and a
    smaller one than theirs is asked of the endpoint. Any other model must have it written down: an
    index is laid out before the first call. `batch` is how many texts a request carries.

    Address, key, headers and `timeout_s` are as `OpenAIModel`'s. A blank text is sent as one space:
    the API refuses empty ones. Vectors come back with length 1. Raises as `OpenAIModel` does.
    """

    model: str = "text-embedding-3-small"
    dimensions: int = 0
    base_url: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    headers: Mapping[str, Any] = field(default_factory=dict)
    organization: str = ""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    accept_models: tuple[str, ...] = ()
    batch: int = 128
    timeout_s: float = 60.0
    limits: Limits = field(default_factory=Limits)
    fingerprint: str = field(init=False)
    _fixed: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    _connections: Connections = field(
        default_factory=Connections, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_model_name(self.model)
        check_address(self.address)
        check_headers(self.headers)
        check_timeout(self.timeout_s)
        width = WIDTHS.get(self.model, 0)
        if not self.dimensions and not width:
            known = ", ".join(WIDTHS)
            raise ValueError(f"dimensions must be given for {self.model}; known: {known}")
        if self.dimensions < 0 or (width and self.dimensions > width):
            raise ValueError(f"dimensions must be within [1, {width or '…'}]: {self.dimensions}")
        if not 1 <= self.batch <= 2048:
            raise ValueError(f"batch must be within [1, 2048], got {self.batch}")
        # Base64 is a quarter of the bytes; not every server knows it.
        coding = "float" if self.base_url else "base64"
        fixed: dict[str, Any] = {"model": self.model, "encoding_format": coding}
        if 0 < self.dimensions < width:
            fixed["dimensions"] = self.dimensions
        fixed |= self.extra_body
        object.__setattr__(self, "dimensions", self.dimensions or width)
        object.__setattr__(self, "_fixed", fixed)
        shaping = (self.address, shown_headers(self.headers), fixed, self.dimensions)
        object.__setattr__(self, "fingerprint", fingerprint(self.name, shaping))

    @property
    def name(self) -> str:
        """The model under its provider's name, as a profile writes it."""
        return f"openai/{self.model}"

    @property
    def address(self) -> str:
        """Where requests go."""
        return self.base_url or OPENAI_URL

    @property
    def endpoint(self) -> str:
        """Host and model: providers limit each model apart."""
        return f"{urlsplit(self.address).netloc} {self.model}"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One attempt a batch, one after the other."""
        parts = [
            (await self.embed_once(texts[start : start + self.batch])).vectors
            for start in range(0, len(texts), self.batch)
        ]
        return np.concatenate(parts) if parts else self._none()

    async def embed_once(self, texts: Sequence[str]) -> Embedding:
        if not texts:
            return Embedding(vectors=self._none(), usage=Usage(), latency_s=0.0)
        opened = self._connections.get(self._open)
        body = {**self._fixed, "input": [text if text.strip() else " " for text in texts]}
        started = time.perf_counter()
        found = await exchange.posted(opened, PATH, body)
        latency_s = time.perf_counter() - started
        wire.check_model(self.model, found.get("model"), self.accept_models)
        usage = _usage(found.get("usage"), texts)
        return Embedding(
            vectors=self._vectors(found.get("data"), len(texts)),
            usage=_worst_case(texts) if usage is None else usage,
            latency_s=latency_s,
            usage_known=usage is not None,
        )

    async def close(self) -> None:
        await self._connections.close()

    def _open(self) -> Opened:
        return open_openai(
            where=f"embedder {self.name}",
            base_url=self.address,
            api_key_env=self.api_key_env,
            headers=self.headers,
            organization=self.organization,
            timeout_s=self.timeout_s,
        )

    def _none(self) -> Vectors:
        return np.empty((0, self.dimensions), dtype=np.float32)

    def _vectors(self, data: object, count: int) -> Vectors:
        """Unit rows in the order asked. Raises `BadReply` for any that is missing or no vector."""
        items = [wire.mapping(item, "an embedding") for item in wire.rows(data, "data")]
        places: dict[int, dict[str, Any]] = {}
        for item in items:
            index = item.get("index")
            if type(index) is int:  # true and 0.0 are no positions
                places[index] = item
        if len(items) != count or sorted(places) != list(range(count)):
            raise BadReply(f"asked for {count} embeddings, got {len(items)} that do not match")
        found = [_vector(places[at].get("embedding")) for at in range(count)]
        widths = sorted({vector.size for vector in found} - {self.dimensions})
        if widths:
            raise BadReply(f"a vector has {widths[0]} dimensions, not {self.dimensions}")
        vectors = np.stack(found)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise BadReply("a vector has no direction: it is all zeros, or not finite")
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit


def _vector(found: object) -> npt.NDArray[np.float64]:
    """One row from a list of numbers, or from base64 of little-endian float32."""
    try:
        if isinstance(found, str):
            packed = base64.b64decode(found, validate=True)
            return np.frombuffer(packed, dtype="<f4").astype(np.float64)
        if not isinstance(found, list) or any(type(x) not in (int, float) for x in found):
            raise BadReply("an embedding is no list of numbers")
        return np.asarray(found, dtype=np.float64)
    except (binascii.Error, ValueError, OverflowError):
        raise BadReply("an embedding is not the base64 of 32-bit numbers") from None


def _usage(found: object, texts: Sequence[str]) -> Usage | None:
    tokens = wire.counts(found, "prompt_tokens") if isinstance(found, dict) else None
    most = 4 * sum(map(len, texts)) + wire.UNASKED_TOKENS
    return Usage(input_tokens=tokens[0]) if tokens and 0 < tokens[0] <= most else None


def _worst_case(texts: Sequence[str]) -> Usage:
    asked = sum(len(text.encode("utf-8", "replace")) // 4 + 1 for text in texts)
    return Usage(input_tokens=asked)
