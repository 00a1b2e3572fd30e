"""Mean reciprocal rank: how far down the first gold document is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import ir_measures

from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.ranking import check_cutoff, score_ranking
from evalkit.records import Answer, Case, Score, Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class MRR:
    """One divided by the place of the first gold document among the first `k`, or 0 without one.

    Range: 0 to 1, higher is better. On one case it is the reciprocal rank, its mean over cases is
    the mean reciprocal rank.
    Unit: one over a place. Several chunks of a document count once, at the best one's place.
    Unscored: never; an answer without passages is 0.
    Source: Voorhees 1999, "The TREC-8 Question Answering Track Report", where k is 5 too.
    Departures: none.
    Example: gold a and b, ranking x, a, b and k = 5: first gold at place 2, 0.5.
    """

    name: ClassVar[str] = "mrr"
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
            ir_measures.RR @ self.k, case, answer, repeat=repeat, metric=self.name, k=self.k
        )
