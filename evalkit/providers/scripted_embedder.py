"""An embedder of given and hashed vectors: the stand-in for tests. Its cosines mean nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.providers.protocol import Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedEmbedder:
    """Texts in `given` get their vector, all others a unit vector from their SHAKE-256 hash.

    Equal texts get equal vectors, different texts nearly orthogonal ones, on every machine and with
    every version of numpy. Given vectors are brought to unit length.

        ScriptedEmbedder(dimensions=2, given={"question": (1, 0), "reversed": (0.6, 0.8)})
    """

    dimensions: int = 64
    given: Mapping[str, Sequence[float]] = field(default_factory=dict)
    name: str = "scripted"
    fingerprint: str = "scripted"

    def __post_init__(self) -> None:
        for text, vector in self.given.items():
            if len(vector) != self.dimensions:
                raise ValueError(
                    f"{text!r} has {len(vector)} numbers, not {self.dimensions} dimensions"
                )

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), float32, each row of length 1."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for i, text in enumerate(texts):
            row = np.asarray(self.given.get(text, self._hashed(text)), dtype=np.float64)
            rows[i] = row / np.linalg.norm(row)
        return rows

    def _hashed(self, text: str) -> list[float]:
        data = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * self.dimensions)
        # Odd, so that no coordinate is 0 and no vector can be the zero vector.
        return [float(2 * int(value) - 65535) for value in np.frombuffer(data, dtype="<u2")]
