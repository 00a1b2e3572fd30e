"""Answer similarity: whether the answer means what a reference means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.similarity import cosines
from evalkit.records import Answer, Case, Score, Unscored
from evalkit.text import words


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSimilarity:
    """The highest cosine between the answer and one of the case's references.

    Range: 0 to 1, higher is better; compare it with itself, a good value depends on the embedder.
    Unit: cosine, clamped at 0.
    Unscored: never by itself; an embedder that gives no usable vector raises `ProviderError`.
    Source: Risch et al. 2021, "Semantic Answer Similarity for Evaluating Question Answering Models"
    (arXiv:2108.06130), the bi-encoder variant, which is RAGAS's `semantic_similarity`. Departures:
    clamped; the best of several references; an answer without a word is 0. A cosine is blind to
    negation and to swapped numbers: two answers that contradict each other can score high.
    Example: cosines 0.42 and 0.77 with two references give 0.77.
    """

    name: ClassVar[str] = "answer_similarity"
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = ""

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference."""
        return any(reference.strip() for reference in case.references)

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """One call to the embedder."""
        value = 0.0
        if words(answer.text):
            references = [reference for reference in case.references if reference.strip()]
            found = await cosines(instruments.embedder, answer.text, references)
            value = max(0.0, *found)
        return Score(case_id=case.id, repeat=repeat, metric=self.name, value=value)
