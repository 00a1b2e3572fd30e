from __future__ import annotations

import asyncio

import numpy as np
import pytest

from evalkit.providers.scripted_embedder import ScriptedEmbedder


def embed(embedder, *texts):
    return asyncio.run(embedder.embed(texts))


def test_rows_are_unit_and_in_order():
    rows = embed(ScriptedEmbedder(), "a", "b", "a")
    assert rows.shape == (3, 64)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert (rows[0] == rows[2]).all()


def test_different_texts_are_nearly_orthogonal():
    """Hashed coordinates: the cosine's standard deviation is 1/√256 = 0.0625; 0.35 is over five."""
    rows = embed(ScriptedEmbedder(dimensions=256), *(str(i) for i in range(50)))
    off_diagonal = rows @ rows.T - np.eye(50)
    assert np.abs(off_diagonal).max() < 0.35


def test_a_known_vector_on_every_machine():
    # SHAKE-256("x") begins c8 51 12 1a: little-endian words 20936 and 6674, each 2w − 65535:
    # (−23663, −52187), of length 57301.
    row = embed(ScriptedEmbedder(dimensions=2), "x")[0]
    assert row.tolist() == pytest.approx([-23663 / 57301.1, -52187 / 57301.1], abs=1e-5)


def test_given_vectors_are_brought_to_unit_length():
    embedder = ScriptedEmbedder(dimensions=2, given={"a": (3, 4)})
    assert embed(embedder, "a")[0].tolist() == pytest.approx([0.6, 0.8])


def test_a_given_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match="'a' has 3 numbers, not 2 dimensions"):
        ScriptedEmbedder(dimensions=2, given={"a": (1, 2, 3)})


def test_no_texts_give_no_rows():
    assert embed(ScriptedEmbedder()).shape == (0, 64)
