"""Precision at k: how many of the first k documents are gold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import ir_measures

from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.ranking import check_cutoff, score_ranking
from evalkit.records import Answer, Case, Score, Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionAtK:
    """The share of the first `k` documents the generator saw that are gold documents.

    Range: 0 to 1, higher is better; a case with fewer than k gold documents cannot reach 1.
    Unit: share of k. Several chunks of a document count once, at the best one's place.
    Unscored: never; an answer without passages is 0.
    Source: Manning, Raghavan and Schütze 2008, "Introduction to Information Retrieval", section
    8.4, as trec_eval's `P_k`: the denominator is k even where fewer were retrieved. Departures:
    none.
    Example: gold a and b, ranking x, a, y, b, w and k = 5: two of five, 0.4.
    """

    name: ClassVar[str] = "precision_at_k"
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = ""
    k: int = 5

    def __post_init__(self) -> None:
        check_cutoff(self.k)

    def applies_to(self, case: Case) -> bool:
        """Cases with gold documents."""
        return bool(case.relevant_ids)

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """Needs no judge and no embedder."""
        return score_ranking(
            ir_measures.P @ self.k, case, answer, repeat=repeat, metric=self.name, k=self.k
        )
