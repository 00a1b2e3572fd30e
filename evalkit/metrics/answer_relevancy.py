"""Answer relevancy: whether the answer answers the question that was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.similarity import cosines
from evalkit.records import Answer, Case, Judgement, Score, Unscored
from evalkit.text import words

RELIABLE_WORDS = 5
"""Below this many words an embedding says little: correct one-word answers score like wrong ones
(measured on human-labelled answers), so the score is marked for the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRelevancy:
    """The mean cosine between the question and the questions that the answer would answer.

    Range: 0 to 1, higher is better; compare it with itself, a good value depends on the embedder.
    Unit: cosine. Part `noncommittal` is 1 where the answer commits to nothing, part `short` is 1
    where it has under five words and the value is unreliable.
    Unscored: when the judge returns no question, or a blank one, for an answer that commits.
    Source: Es et al. 2024, "RAGAs" (EACL demo, arXiv:2309.15217), section 3. Departures: clamped to
    [0, 1] after taking the mean (a cosine can be negative); an answer without a word is 0 without
    asking; a missing question is Unscored where RAGAS gives NaN or 0.
    Example: reversed questions at cosines 0.9 and 0.7 give 0.8; "I don't know." gives 0.
    """

    name: ClassVar[str] = "answer_relevancy"
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = "answer"

    def applies_to(self, case: Case) -> bool:
        """Cases that expect an answer: a right abstention is noncommittal and would score 0."""
        return case.expect == "answer"

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """One question to the judge, one call to the embedder."""
        length = len(words(answer.text))
        if not length:
            return self._score(case, repeat, value=0.0, answer=answer, noncommittal=True)
        reversal = await instruments.judge.reversal(question=case.input, answer=answer.text)
        if reversal.noncommittal:
            return self._score(case, repeat, value=0.0, answer=answer, noncommittal=True)
        if not reversal.questions or not all(text.strip() for text in reversal.questions):
            reason = "the judge returned no question, or a blank one, for an answer that commits"
            return Unscored(case_id=case.id, repeat=repeat, metric=self.name, reason=reason)
        found = await cosines(instruments.embedder, case.input, reversal.questions)
        mean = sum(found) / len(found)
        return self._score(
            case, repeat, value=min(1.0, max(0.0, mean)), answer=answer, noncommittal=False
        )

    def _score(
        self, case: Case, repeat: int, *, value: float, answer: Answer, noncommittal: bool
    ) -> Score:
        length = len(words(answer.text))
        short = 0 < length < RELIABLE_WORDS
        note = f"the answer has {length} words; relevancy is unreliable below {RELIABLE_WORDS}"
        marked = Judgement(unit="answer", text=answer.text, label="uncertain", note=note)
        return Score(
            case_id=case.id,
            repeat=repeat,
            metric=self.name,
            value=value,
            parts=(("noncommittal", float(noncommittal)), ("short", float(short))),
            judgements=(marked,) if short else (),
        )
