"""Cosines from whatever embedder the run is bound to, refused where they would not be numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.errors import ProviderError
from evalkit.providers.protocol import Embedder


async def cosines(embedder: Embedder, text: str, others: Sequence[str]) -> tuple[float, ...]:
    """The cosine of `text` with each of `others`, in [-1, 1], in one embedding call.

    Lengths are divided out although rows should be unit: an embedder that forgets to normalise
    must not shift scores. Raises `ProviderError` where a row is missing, zero, or not finite.
    """
    rows = np.asarray(await embedder.embed([text, *others]), dtype=np.float64)
    if rows.ndim != 2 or rows.shape[0] != len(others) + 1:
        raise ProviderError(f"{embedder.name} gave shape {rows.shape} for {len(others) + 1} texts")
    lengths = np.linalg.norm(rows, axis=1)
    # `not (… > 0)`: a NaN length must fail the check.
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise ProviderError(f"{embedder.name} gave a vector that is zero or not finite")
    unit = rows / lengths[:, None]
    # Rounding may leave the interval by an ulp.
    return tuple(float(np.clip(unit[0] @ row, -1.0, 1.0)) for row in unit[1:])
