"""Exact search."""

from __future__ import annotations

import numpy as np

from evalkit.rag.indexes.flat import FlatIndex


def test_every_row_is_compared():
    """The best of 1,000 is found wherever it is, with its very inner product."""
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(1000, 8)).astype(np.float32)
    rows, similarities = FlatIndex().build(vectors).search(vectors[:50], 1)
    products = vectors[:50] @ vectors.T
    assert rows[:, 0].tolist() == products.argmax(axis=1).tolist()
    np.testing.assert_allclose(similarities[:, 0], products.max(axis=1), rtol=1e-5)


def test_it_has_no_options_and_is_named_by_its_repr():
    """The cache of indexes tells kinds apart by it."""
    assert repr(FlatIndex()) == "FlatIndex()"
