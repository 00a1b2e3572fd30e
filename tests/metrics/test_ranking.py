from __future__ import annotations

import dataclasses

import ir_measures

from evalkit.metrics.ranking import by_rank, documents, score_ranking


def test_a_document_counts_once_at_its_best_chunk(answer):
    found = answer("x", ("b", "1"), ("a", "2"), ("b", "3"), ("c", "4"))
    assert documents(found) == ("b", "a", "c")


def test_the_retrievers_rank_decides_not_the_prompts_order(answer):
    found = answer("x", ("a", "1"), ("b", "2"))
    turned = dataclasses.replace(found, passages=found.passages[::-1])
    assert documents(turned) == ("a", "b")


def test_a_gap_left_by_a_guardrail_closes(answer, case):
    """What the generator saw first is first, although something was dropped before it."""
    found = answer("x", ("bad", "1"), ("a", "2"))
    kept = dataclasses.replace(found, passages=found.passages[1:])
    assert [passage.rank for passage in by_rank(kept)] == [2]
    scored = score_ranking(
        ir_measures.RR @ 5, case(relevant_ids=("a",)), kept, repeat=0, metric="mrr", k=5
    )
    assert scored.value == 1.0


def test_ids_with_spaces_and_ties_of_similarity_keep_their_order(answer, case):
    """trec_eval's files split at spaces and break ties by id; in memory neither may happen."""
    found = answer("x", ("z doc", "1"), ("a doc", "2"))
    scored = score_ranking(
        ir_measures.RR @ 5, case(relevant_ids=("z doc",)), found, repeat=0, metric="mrr", k=5
    )
    assert scored.value == 1.0


def test_the_first_k_documents_are_shown_with_what_they_are(answer, case):
    found = answer("x", ("a", "1"), ("b", "2"), ("c", "3"))
    scored = score_ranking(
        ir_measures.P @ 2, case(relevant_ids=("b",)), found, repeat=0, metric="p", k=2
    )
    assert [(j.unit, j.label) for j in scored.judgements] == [("a", "not_useful"), ("b", "useful")]
