"""Retrieval metrics against their definitions, written out here without any library."""

from __future__ import annotations

import asyncio
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics import METRICS
from evalkit.metrics.protocol import Instruments
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Answer, Case, Passage

INSTRUMENTS = Instruments(judge=ScriptedJudge(), embedder=ScriptedEmbedder())


def recall(ranked, gold, k):
    return Fraction(len(gold & set(ranked[:k])), len(gold))


def precision(ranked, gold, k):
    return Fraction(len(gold & set(ranked[:k])), k)


def reciprocal_rank(ranked, gold, k):
    return next((Fraction(1, i) for i, d in enumerate(ranked[:k], 1) if d in gold), Fraction(0))


def ndcg(ranked, gold, k):
    gain = math.fsum(1 / math.log2(1 + i) for i, d in enumerate(ranked[:k], 1) if d in gold)
    return gain / math.fsum(1 / math.log2(1 + i) for i in range(1, min(k, len(gold)) + 1))


DEFINITIONS = {
    "recall_at_k": recall,
    "precision_at_k": precision,
    "mrr": reciprocal_rank,
    "ndcg_at_k": ndcg,
}
# Digits, spaces and letters beyond ASCII: trec_eval must neither sort nor split them.
DOCUMENTS = st.sampled_from(["a", "b", "c", "d e", "é", "10", "9", "p#1", "z", "Z"])


@pytest.mark.parametrize("name", DEFINITIONS)
@given(
    shown=st.lists(DOCUMENTS, max_size=15),
    gold=st.sets(DOCUMENTS, min_size=1),
    k=st.integers(1, 12),
)
def test_a_ranking_of_chunks_scores_as_defined(name, shown, gold, k):
    passages = tuple(
        Passage(document_id=d, chunk_id=f"{d}-{i}", text="t", rank=i, similarity=0.0)
        for i, d in enumerate(shown, start=1)
    )
    case = Case(id="q 1", input="?", relevant_ids=tuple(sorted(gold)))
    metric = METRICS.get(name)(k=k)
    scored = asyncio.run(
        metric.score(case, Answer(text="", passages=passages), repeat=0, instruments=INSTRUMENTS)
    )
    ranked = list(dict.fromkeys(shown))
    assert scored.value == pytest.approx(float(DEFINITIONS[name](ranked, gold, k)), abs=1e-12)


def test_the_definition_of_ndcg_by_hand():
    """Gold a, b, c; a at place 1, b at place 3, c not found.

    DCG@3 = 1 + 1/log2(4) = 1.5; ideal = 1 + 1/log2(3) + 1/log2(4) = 2.1309.
    """
    assert ndcg(["a", "x", "b"], {"a", "b", "c"}, 3) == pytest.approx(1.5 / 2.1309, abs=1e-4)
