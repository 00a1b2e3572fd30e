"""How the retrieval metrics see an answer: distinct documents, best first, scored by `ir_measures`.

`ir_measures` (through trec_eval's own C code) takes 0.1 ms a call, so nothing is gained by formulas
of our own; the oracle test recomputes each from its definition.
"""

from __future__ import annotations

import ir_measures
from ir_measures.measures import Measure

from evalkit.records import Answer, Case, Judgement, Passage, Score


def by_rank(answer: Answer) -> tuple[Passage, ...]:
    """The passages the generator could see, in the order the retriever ranked them.

    The prompt's own order may differ, and a guardrail may have left gaps in the ranks.
    """
    return tuple(sorted(answer.passages, key=lambda passage: passage.rank))


def documents(answer: Answer) -> tuple[str, ...]:
    """Distinct document ids, best first: a document counts once, at its best chunk's place."""
    return tuple(dict.fromkeys(passage.document_id for passage in by_rank(answer)))


def check_cutoff(k: int) -> None:
    """Raises `ValueError` unless `k` is a positive whole number."""
    # bool is an int to Python; `k = true` in a suite is a slip all the same.
    if isinstance(k, bool) or k < 1:
        raise ValueError(f"k counts documents and must be 1 or more, got {k!r}")


def score_ranking(
    measure: Measure, case: Case, answer: Answer, *, repeat: int, metric: str, k: int
) -> Score:
    """The value of one `ir_measures` measure on one answer's documents."""
    ranked = documents(answer)
    relevant = set(case.relevant_ids)
    judged = [ir_measures.Qrel(case.id, document, 1) for document in sorted(relevant)]
    # trec_eval orders by score and breaks ties by id: the score is the place, so no two are equal.
    run = [
        ir_measures.ScoredDoc(case.id, document, float(-place))
        for place, document in enumerate(ranked)
    ]
    value = ir_measures.calc_aggregate([measure], judged, run)[measure] if run else 0.0
    judgements = tuple(
        Judgement(
            unit=document,
            text=f"document {place} of the ranking",
            label="useful" if document in relevant else "not_useful",
        )
        for place, document in enumerate(ranked[:k], start=1)
    )
    return Score(
        case_id=case.id, repeat=repeat, metric=metric, value=float(value), judgements=judgements
    )
