"""Chunks in order of some score."""

from __future__ import annotations

import numpy as np

from evalkit.rag.ranking import Ranking, searchable
from evalkit.records import Chunk


def chunk(n, title=""):
    text = f"text {n}"
    return Chunk(id=f"d{n}#1", document_id=f"d{n}", title=title, text=text, start=0, end=len(text))


def test_best_comes_first_and_ties_in_chunk_order():
    """Rows 4 and 2 share a score: 2 comes first."""
    ranking = Ranking.best(np.array([0.1, 0.7, 0.7]), np.array([9, 4, 2]))
    assert ranking.rows.tolist() == [2, 4, 9]
    assert ranking.scores.tolist() == [0.7, 0.7, 0.1]


def test_passages_are_ranked_from_one_with_their_score():
    """The first two of three; with more asked for than there are, all."""
    ranking = Ranking(np.array([2, 0, 1]), np.array([0.9, 0.5, 0.1]))
    chunks = [chunk(0), chunk(1), chunk(2, title="Two")]
    found = ranking.passages(chunks, 2)
    assert [(p.document_id, p.rank, p.similarity) for p in found] == [
        ("d2", 1, 0.9),
        ("d0", 2, 0.5),
    ]
    assert (found[0].title, found[0].text, found[0].chunk_id) == ("Two", "text 2", "d2#1")
    assert len(ranking.passages(chunks, 9)) == 3


def test_a_title_is_searched_with_its_text():
    """And where there is none, no stray full stop is."""
    assert searchable(chunk(1, title="Whales")) == "Whales. text 1"
    assert searchable(chunk(1)) == "text 1"
