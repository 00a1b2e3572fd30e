"""Approximate search in clusters: it chooses its lists from the number of rows."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from evalkit.rag.indexes.ivf import IvfIndex

RNG = np.random.default_rng(7)
VECTORS = RNG.normal(size=(2000, 16)).astype(np.float32)


def inner(built):
    return faiss.downcast_index(built._index)


@pytest.mark.parametrize(
    ("options", "rows", "lists", "probes"),
    [
        # 2000 // 39 = 51 is below 4·√2000 = 178; a quarter of 51 is 12.
        ({}, 2000, 51, 12),
        # Below 39 rows there is one list, and one list is all there is to read.
        ({}, 38, 1, 1),
        ({"lists": 10, "probes": 3}, 2000, 10, 3),
        ({"lists": 10, "probes": 99}, 2000, 10, 10),
        # No more lists than rows.
        ({"lists": 10}, 4, 4, 4),
    ],
)
def test_lists_and_probes_follow_the_number_of_rows(options, rows, lists, probes):
    """0, the default, chooses; what cannot be is cut to what can."""
    index = inner(IvfIndex(**options).build(VECTORS[:rows]))
    assert (index.nlist, index.nprobe) == (lists, probes)


def test_reading_every_list_is_exact():
    """With all lists read, nothing is approximate."""
    rows, _ = IvfIndex(lists=10, probes=10).build(VECTORS).search(VECTORS[:20], 1)
    assert rows[:, 0].tolist() == (VECTORS[:20] @ VECTORS.T).argmax(axis=1).tolist()


def test_the_seed_decides_the_clusters():
    """The same seed the same bytes; another seed other clusters."""
    one, two = (IvfIndex(lists=10, seed=1).build(VECTORS).to_bytes() for _ in range(2))
    assert one == two != IvfIndex(lists=10, seed=2).build(VECTORS).to_bytes()


@pytest.mark.parametrize("options", [{"lists": -1}, {"probes": -1}, {"seed": -1}])
def test_options_that_cannot_be_are_refused(options):
    """0 means "choose", so it will do."""
    with pytest.raises(ValueError, match="must be at least 0, got -1"):
        IvfIndex(**options)
