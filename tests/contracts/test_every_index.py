"""What every registered index keeps."""

import numpy as np
import pytest

from evalkit.rag.indexes import INDEXES


def clustered(n, *, seed=7, dimensions=48):
    """Unit rows around 20 centres, as the embeddings of a corpus with topics are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(20, dimensions))
    rows = centres[rng.integers(0, 20, n)] + 0.4 * rng.normal(size=(n, dimensions))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=INDEXES.names())
def kind(request):
    return INDEXES.get(request.param)()


def test_it_finds_what_comparing_all_rows_finds(kind):
    vectors, queries = clustered(2000), clustered(2060)[2000:]
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    rows, similarities = kind.build(vectors).search(queries, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows, exact, strict=True)])
    assert recall >= 0.95
    assert (np.diff(similarities, axis=1) <= 0).all()
    found = np.take_along_axis(queries @ vectors.T, rows, 1)
    np.testing.assert_allclose(similarities, found, atol=1e-5)


def test_bytes_give_back_the_same_index(kind):
    vectors, queries = clustered(400), clustered(10, seed=8)
    built = kind.build(vectors)
    restored = kind.restore(built.to_bytes())
    for one, other in zip(built.search(queries, 5), restored.search(queries, 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_building_twice_gives_the_same_bytes(kind):
    assert kind.build(clustered(400)).to_bytes() == kind.build(clustered(400)).to_bytes()


@pytest.mark.parametrize("n", [0, 1, 3])
def test_missing_rows_are_padded(kind, n):
    rows, similarities = kind.build(clustered(n)).search(clustered(2), 5)
    assert rows.shape == similarities.shape == (2, 5)
    assert ((rows >= 0).sum(axis=1) == n).all()
    assert np.isneginf(similarities[rows < 0]).all()


def test_equal_rows_come_in_row_order(kind):
    vectors = np.repeat(clustered(1), 4, axis=0)
    rows, _ = kind.build(vectors).search(vectors[:1], 4)
    assert rows.tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("name", "options"),
    [("hnsw", {"links": 1}), ("hnsw", {"ef_search": 0}), ("ivf", {"probes": -1})],
)
def test_options_that_cannot_be_are_refused(name, options):
    with pytest.raises(ValueError, match="must be at least"):
        INDEXES.get(name)(**options)
