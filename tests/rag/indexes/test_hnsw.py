"""Approximate search over a graph: more candidates find more."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.rag.indexes.hnsw import HnswIndex


def recall(index, vectors, queries):
    rows, _ = index.build(vectors).search(queries, 10)
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows, exact, strict=True)])


def test_more_candidates_find_more():
    """On noise without clusters, the hardest case, few candidates miss what many find."""
    vectors = np.random.default_rng(7).normal(size=(2000, 48)).astype(np.float32)
    few = recall(HnswIndex(links=4, ef_construction=10, ef_search=10), vectors, vectors[:40])
    many = recall(HnswIndex(), vectors, vectors[:40])
    assert few < 0.8
    assert many > few


@pytest.mark.parametrize("options", [{"links": 1}, {"ef_construction": 0}, {"ef_search": 0}])
def test_options_that_cannot_be_are_refused(options):
    """One link a node makes no graph."""
    with pytest.raises(ValueError, match="must be at least"):
        HnswIndex(**options)


def test_the_smallest_options_build_an_index():
    """The near miss of the above."""
    vectors = np.eye(4, dtype=np.float32)
    rows, _ = HnswIndex(links=2, ef_construction=1, ef_search=1).build(vectors).search(vectors, 1)
    assert rows.shape == (4, 1)
