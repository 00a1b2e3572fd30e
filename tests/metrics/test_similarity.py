from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
import pytest

from evalkit.errors import ProviderError
from evalkit.metrics.similarity import cosines


@dataclass
class Fixed:
    rows: list
    name: str = "fixed"

    async def embed(self, texts):
        return np.asarray(self.rows, dtype=np.float32)


def test_cosines_with_the_first_text_in_order():
    # (1,0)·(0.6,0.8) = 0.6; (1,0)·(0,1) = 0; (1,0)·(−1,0) = −1
    found = asyncio.run(cosines(Fixed([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]]), "q", ["a", "b", "c"]))
    assert found == pytest.approx((0.6, 0.0, -1.0), abs=1e-6)


def test_rows_that_are_not_unit_give_the_same_cosine():
    found = asyncio.run(cosines(Fixed([[3, 0], [6, 8]]), "q", ["a"]))
    assert found == pytest.approx((0.6,))


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 0]],
        [[1, 0], [1, 0], [1, 0]],
        [1, 0],
        [[1, 0], [0, 0]],
        [[1, 0], [float("nan"), 0]],
        [[float("inf"), 0], [1, 0]],
    ],
    ids=["too few", "too many", "flat", "zero", "nan", "infinite"],
)
def test_what_is_no_vector_is_the_embedders_failure(rows):
    with pytest.raises(ProviderError, match="fixed gave"):
        asyncio.run(cosines(Fixed(rows), "q", ["a"]))
