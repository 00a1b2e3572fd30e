"""Two rankings become one."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.rag.ranking import Ranking
from evalkit.rag.retrievers.hybrid import HybridRetriever, HybridSearch


def ranking(*pairs):
    return Ranking(np.array([row for row, _ in pairs]), np.array([float(s) for _, s in pairs]))


def fused(options, *rankings):
    result = HybridRetriever(options, None, None).fused(rankings)
    return dict(zip(result.rows.tolist(), result.scores.tolist(), strict=True))


def test_rank_fusion_adds_reciprocal_ranks():
    options = HybridSearch(fusion="ranks", dense_weight=2.0)
    scores = fused(options, ranking((7, 0.9), (3, 0.1)), ranking((3, 5)))
    # Chunk 3: 2/(60+2) + 1/(60+1); chunk 7: 2/(60+1), and nothing from the list it is not in.
    assert scores == pytest.approx({3: 2 / 62 + 1 / 61, 7: 2 / 61})
    assert list(scores) == [3, 7]


def test_score_fusion_adds_z_scores():
    options = HybridSearch(dense_weight=1.0)
    scores = fused(options, ranking((0, 3), (1, 1)), ranking((1, 8), (2, 4)))
    # Both lists have z-scores +1 and −1; who is missing from a list counts as its last, −1.
    assert scores == pytest.approx({0: 0.0, 1: 0.0, 2: -2.0})
    assert list(scores) == [0, 1, 2]


def test_a_list_that_prefers_nothing_decides_nothing():
    scores = fused(HybridSearch(), ranking((0, 0.2), (1, 0.1)), ranking((0, 0), (1, 0)))
    assert list(scores) == [0, 1]
    assert scores == pytest.approx({0: 1.5, 1: -1.5})


@pytest.mark.parametrize(
    "options",
    [{"dense_weight": -1}, {"dense_weight": 0, "bm25_weight": 0}, {"depth": 0}, {"fusion": "sum"}],
)
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        HybridSearch(**options)
