"""nDCG at k: how near the top the gold documents are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import ir_measures

from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.ranking import check_cutoff, score_ranking
from evalkit.records import Answer, Case, Score, Unscored


@dataclass(frozen=True, slots=True, kw_only=True)
class NDCGAtK:
    """The discounted gain of the gold documents among the first `k`, as a share of the ideal gain.

    Range: 0 to 1, higher is better.
    Unit: share of the ideal gain. Several chunks of a document count once, at the best one's place.
    Unscored: never; an answer without passages is 0.
    Source: Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques" (ACM
    TOIS 20:4), with the discount 1/log2(1 + place) of Burges et al. 2005 that trec_eval uses: the
    original leaves place 2 undiscounted. Gains are binary; the ideal is cut at k as well.
    Example: gold a, ranking x, a and k = 5: 1/log2(3) = 0.6309.
    """

    name: ClassVar[str] = "ndcg_at_k"
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
            ir_measures.nDCG @ self.k, case, answer, repeat=repeat, metric=self.name, k=self.k
        )
