"""The four RAG metrics as RAGAS asks and computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from evalkit.metrics.peers import Replies
from evalkit.metrics.protocol import JudgedOn
from evalkit.metrics.ragas.adapter import Ragas, RagasMetric
from evalkit.metrics.ranking import by_rank
from evalkit.providers.protocol import Embedder
from evalkit.records import Answer, Case, Judgement, Label
from evalkit.text import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness(RagasMetric):
    """The share of the answer's statements that can be inferred from the passages, by RAGAS.

    Range: 0 to 1, higher is better.
    Unit: share of statements. Two calls.
    Unscored: where RAGAS gives NaN (an answer without statements), when the judge returns another
    number of verdicts than statements, or a verdict that is neither 0 nor 1.
    Source: ragas 0.4.3, `ragas.metrics.collections.Faithfulness`. Departures: RAGAS refuses an
    answer without a word and an empty context; here both are 0.
    Example: three statements of four inferable give 0.75.
    """

    name: ClassVar[str] = "ragas/faithfulness"

    def applies_to(self, case: Case) -> bool:
        """Cases that expect an answer: an abstention makes no statement, which RAGAS calls NaN."""
        return case.expect == "answer"

    def is_nothing(self, answer: Answer) -> bool:
        return not words(answer.text) or not answer.passages

    async def measured(
        self, peer: Ragas, replies: Replies, embedder: Embedder, case: Case, answer: Answer
    ) -> float:
        metric = peer.metrics.Faithfulness(llm=peer.judge(replies))
        result = await metric.ascore(
            user_input=case.input,
            response=answer.text,
            retrieved_contexts=[passage.text for passage in answer.passages],
        )
        return float(result.value)

    def fault(self, replies: Replies) -> str:
        asked = [
            text for reply in replies.of("StatementGeneratorOutput") for text in reply.statements
        ]
        given = _statements(replies)
        if not asked:
            return "the judge found no statement in the answer: RAGAS gives NaN"
        if len(given) != len(asked):
            return f"the judge gave {len(given)} verdicts on {len(asked)} statements"
        return _not_binary([statement.verdict for statement in given])

    def judgements(self, replies: Replies, answer: Answer) -> tuple[Judgement, ...]:
        return tuple(
            _judgement(f"c{i}", s.statement, "supported" if s.verdict else "unsupported", s.reason)
            for i, s in enumerate(_statements(replies), start=1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRelevancy(RagasMetric):
    """The mean cosine between the question and questions generated from the answer, by RAGAS.

    Range: 0 to 1, higher is better; compare it with itself, a good value depends on the embedder.
    Unit: cosine; 0 where every reply calls the answer noncommittal. `strictness` calls, each a draw
    of its own of the same prompt: at temperature 0 they may well be alike.
    Unscored: when the judge leaves a question blank for an answer that commits, or says neither 0
    nor 1 of that.
    Source: ragas 0.4.3, `ragas.metrics.collections.AnswerRelevancy`. Departures: a negative mean
    cosine is clamped to 0, with a note; an answer without a word, which RAGAS refuses, is 0.
    Example: generated questions at cosines 0.9, 0.8 and 0.7 give 0.8.
    """

    name: ClassVar[str] = "ragas/answer_relevancy"
    strictness: int = 3

    def __post_init__(self) -> None:
        if self.strictness < 1:
            raise ValueError(f"strictness counts questions, 1 or more, got {self.strictness}")
        RagasMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Cases that expect an answer: a right abstention is noncommittal and would score 0."""
        return case.expect == "answer"

    def is_nothing(self, answer: Answer) -> bool:
        return not words(answer.text)

    async def measured(
        self, peer: Ragas, replies: Replies, embedder: Embedder, case: Case, answer: Answer
    ) -> float:
        metric = peer.metrics.AnswerRelevancy(
            llm=peer.judge(replies), embeddings=peer.vectors(embedder), strictness=self.strictness
        )
        result = await metric.ascore(user_input=case.input, response=answer.text)
        return float(result.value)

    def fault(self, replies: Replies) -> str:
        given = replies.of("AnswerRelevanceOutput")
        if any(not reply.question.strip() and not reply.noncommittal for reply in given):
            return "the judge returned a blank question for an answer that commits"
        return _not_binary([reply.noncommittal for reply in given])


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPrecision(RagasMetric):
    """The average precision of the ranked passages, each judged useful for the reference, by RAGAS.

    Range: 0 to 1, higher is better.
    Unit: precision averaged over the places of the useful passages. One call a passage, in series.
    Unscored: when a verdict is neither 0 nor 1.
    Source: ragas 0.4.3, `ragas.metrics.collections.ContextPrecision`, whose denominator has 1e-10
    added. Departures: no passage, which RAGAS refuses, is 0. The case's first reference counts.
    Example: useful, not, useful gives (1/1 + 2/3) / 2 = 0.8333.
    """

    name: ClassVar[str] = "ragas/context_precision"
    judged_on: ClassVar[JudgedOn] = "passages"

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference."""
        return _reference(case) != ""

    def is_nothing(self, answer: Answer) -> bool:
        return not answer.passages

    async def measured(
        self, peer: Ragas, replies: Replies, embedder: Embedder, case: Case, answer: Answer
    ) -> float:
        metric = peer.metrics.ContextPrecision(llm=peer.judge(replies))
        result = await metric.ascore(
            user_input=case.input,
            reference=_reference(case),
            retrieved_contexts=[passage.text for passage in by_rank(answer)],
        )
        return float(result.value)

    def fault(self, replies: Replies) -> str:
        return _not_binary([reply.verdict for reply in replies.of("ContextPrecisionOutput")])

    def judgements(self, replies: Replies, answer: Answer) -> tuple[Judgement, ...]:
        given = zip(by_rank(answer), replies.of("ContextPrecisionOutput"), strict=True)
        return tuple(
            _judgement(f"p{i}", passage.text, "useful" if r.verdict else "not_useful", r.reason)
            for i, (passage, r) in enumerate(given, start=1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRecall(RagasMetric):
    """The share of the reference's statements that can be attributed to the passages, by RAGAS.

    Range: 0 to 1, higher is better.
    Unit: share of statements, which the judge splits the reference into itself. One call.
    Unscored: where RAGAS gives NaN (no statement came back), or when a verdict is neither 0 nor 1.
    Source: ragas 0.4.3, `ragas.metrics.collections.ContextRecall`. Departures: no passage, which
    RAGAS refuses, is 0. The case's first reference counts.
    Example: two statements of three attributed give 0.6667.
    """

    name: ClassVar[str] = "ragas/context_recall"
    judged_on: ClassVar[JudgedOn] = "passages"

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference."""
        return _reference(case) != ""

    def is_nothing(self, answer: Answer) -> bool:
        return not answer.passages

    async def measured(
        self, peer: Ragas, replies: Replies, embedder: Embedder, case: Case, answer: Answer
    ) -> float:
        metric = peer.metrics.ContextRecall(llm=peer.judge(replies))
        result = await metric.ascore(
            user_input=case.input,
            retrieved_contexts=[passage.text for passage in answer.passages],
            reference=_reference(case),
        )
        return float(result.value)

    def fault(self, replies: Replies) -> str:
        given = _classifications(replies)
        if not given:
            return "the judge classified no statement of the reference: RAGAS gives NaN"
        return _not_binary([one.attributed for one in given])

    def judgements(self, replies: Replies, answer: Answer) -> tuple[Judgement, ...]:
        return tuple(
            _judgement(
                f"s{i}", s.statement, "attributed" if s.attributed else "not_attributed", s.reason
            )
            for i, s in enumerate(_classifications(replies), start=1)
        )


def _reference(case: Case) -> str:
    return next((reference for reference in case.references if reference.strip()), "")


def _statements(replies: Replies) -> list[Any]:
    return [s for reply in replies.of("NLIStatementOutput") for s in reply.statements]


def _classifications(replies: Replies) -> list[Any]:
    return [s for reply in replies.of("ContextRecallOutput") for s in reply.classifications]


def _not_binary(verdicts: Sequence[int]) -> str:
    """RAGAS sums verdicts as they come: a 2 would count double, a −1 as supported."""
    strange = sorted({verdict for verdict in verdicts if verdict not in {0, 1}})
    return f"the judge said {', '.join(map(str, strange))}; asked for 0 or 1" if strange else ""


def _judgement(unit: str, text: str, label: Label, note: str) -> Judgement:
    return Judgement(unit=unit, text=text, label=label, note=note)
