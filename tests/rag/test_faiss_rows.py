"""What every FAISS index here shares."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from evalkit.rag.faiss_rows import FaissRows, at_least, filled

ROWS = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 1]], np.float32)


def test_the_nearest_come_first_and_equal_ones_in_row_order():
    """Inner products with (0, 1) are 0, 1, 0.8 and 1."""
    rows, similarities = filled(faiss.IndexFlatIP(2), ROWS).search(ROWS[1:2], 4)
    assert rows.tolist() == [[1, 3, 2, 0]]
    assert similarities[0].tolist() == pytest.approx([1, 1, 0.8, 0])


def test_rows_that_are_not_there_are_minus_one_at_minus_infinity():
    """Asked for six of four."""
    rows, similarities = filled(faiss.IndexFlatIP(2), ROWS).search(ROWS[:1], 6)
    assert rows[0, 4:].tolist() == [-1, -1]
    assert np.isneginf(similarities[0, 4:]).all()


def test_an_empty_index_finds_nothing():
    """FAISS cannot train on no rows; nobody asks it to."""
    rows, _ = filled(faiss.IndexFlatIP(2), ROWS[:0]).search(ROWS[:1], 2)
    assert rows.tolist() == [[-1, -1]]


def test_rows_may_come_in_any_layout():
    """A transposed or a double-precision array is copied, not misread."""
    built = filled(faiss.IndexFlatIP(2), np.asfortranarray(ROWS, dtype=np.float64))
    assert built.to_bytes() == filled(faiss.IndexFlatIP(2), ROWS).to_bytes()


def test_bytes_give_back_the_index():
    built = filled(faiss.IndexFlatIP(2), ROWS)
    restored = FaissRows.from_bytes(built.to_bytes())
    assert restored.search(ROWS, 2)[0].tolist() == built.search(ROWS, 2)[0].tolist()


def test_the_first_option_that_is_too_small_is_named():
    """The bound itself will do."""
    at_least(1, links=1, probes=5)
    with pytest.raises(ValueError, match="probes must be at least 1, got 0"):
        at_least(1, links=1, probes=0, seed=-1)
