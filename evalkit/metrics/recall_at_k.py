"""Recall at k: how many of the gold documents are among the first k."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import ir_measures

from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.ranking import check_cutoff, score_ranking
from evalkit.records import Answer, Case, Score, Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallAtK:
    """The share of the case's gold documents among the first `k` documents the generator saw.

    Range: 0 to 1, higher is better.
    Unit: share of gold documents. Several chunks of a document count once, at the best one's place.
    Unscored: never; an answer without passages is 0.
    Source: Manning, Raghavan and Schütze 2008, "Introduction to Information Retrieval", section
    8.3, as trec_eval's `recall_k`. Departures: none.
    Example: gold a and b, ranking x, a, y, z, w and k = 5: one of two found, 0.5.
    """

    name: ClassVar[str] = "recall_at_k"
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
            ir_measures.R @ self.k, case, answer, repeat=repeat, metric=self.name, k=self.k
        )
