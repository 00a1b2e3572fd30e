"""What every way to reach a model offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evalkit.records import Completion, ModelRequest

Vectors = npt.NDArray[np.float32]
"""Shape (n, dimensions), unit rows."""


class Model(Protocol):
    """Text in, text out. `fingerprint` changes whenever the same request may answer differently."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    async def complete(self, request: ModelRequest) -> Completion:
        """One reply. Raises a `ProviderError` when there is none."""
        ...


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
