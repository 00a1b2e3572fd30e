"""DeepEval's metrics of retrieval and of what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from evalkit.metrics.deepeval.adapter import JudgedMetric, first_reference
from evalkit.records import Answer, Case, Judgement, Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness(JudgedMetric):
    """The share of the answer's claims that do not contradict the passages, by DeepEval.

    Range: 0 to 1, higher is better; a claim on which the passages are silent counts as good, unless
    `penalize_ambiguous_claims`.
    Unit: share of claims, judged against truths that the judge extracts from the passages first, at
    most `truths_extraction_limit` of them. Three calls.
    Unscored: when the judge finds no claim, or returns another number of verdicts than claims.
    Source: deepeval 4.3.1, `FaithfulnessMetric`. Departures: DeepEval divides by the verdicts that
    came back, and scores 1 without claims; an answer without a passage is 0.
    Example: four claims, one contradicted and one not mentioned, give 0.75.
    """

    name: ClassVar[str] = "deepeval/faithfulness"
    peer: ClassVar[str] = "FaithfulnessMetric"
    shown: ClassVar[bool] = True
    units: ClassVar[str] = "claims"
    must_have_units: ClassVar[bool] = True
    labels: ClassVar[Mapping[str, Label]] = {
        "yes": "supported", "no": "contradicted", "borderline": "uncertain",
    }  # fmt: skip
    truths_extraction_limit: int | None = None
    penalize_ambiguous_claims: bool = False

    def applies_to(self, case: Case) -> bool:
        """Cases that expect an answer: an abstention makes no claim."""
        return case.expect == "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRelevancy(JudgedMetric):
    """The share of the answer's statements that are relevant to the question, by DeepEval.

    Range: 0 to 1, higher is better; a borderline statement counts as relevant.
    Unit: share of statements, not a cosine as in RAGAS. Two calls.
    Unscored: when the judge finds no statement, or returns another number of verdicts.
    Source: deepeval 4.3.1, `AnswerRelevancyMetric`. Departures: DeepEval divides by the verdicts
    that came back, and scores 1 without statements.
    Example: four statements, one off the subject, give 0.75.
    """

    name: ClassVar[str] = "deepeval/answer_relevancy"
    peer: ClassVar[str] = "AnswerRelevancyMetric"
    units: ClassVar[str] = "statements"
    must_have_units: ClassVar[bool] = True
    labels: ClassVar[Mapping[str, Label]] = {
        "yes": "useful", "no": "not_useful", "borderline": "uncertain",
    }  # fmt: skip

    def applies_to(self, case: Case) -> bool:
        """Cases that expect an answer."""
        return case.expect == "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualPrecision(JudgedMetric):
    """The average precision of the ranked passages, each judged useful for the reference or not.

    Range: 0 to 1, higher is better.
    Unit: precision averaged over the places of the useful passages. One call.
    Unscored: when the judge returns another number of verdicts than passages.
    Source: deepeval 4.3.1, `ContextualPrecisionMetric`. Departures: DeepEval goes by the verdicts
    that came back. The case's first reference counts.
    Example: useful, not, useful gives (1/1 + 2/3) / 2 = 0.8333.
    """

    name: ClassVar[str] = "deepeval/contextual_precision"
    peer: ClassVar[str] = "ContextualPrecisionMetric"
    shown: ClassVar[bool] = True
    units: ClassVar[str] = "passages"
    labels: ClassVar[Mapping[str, Label]] = {"yes": "useful", "no": "not_useful"}

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference."""
        return first_reference(case) != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualRecall(JudgedMetric):
    """The share of the reference's sentences that can be attributed to the passages, by DeepEval.

    Range: 0 to 1, higher is better.
    Unit: share of sentences, which the judge splits itself: it cannot be checked that it judged all
    of them. One call.
    Unscored: when the judge returns no verdict, which DeepEval scores 0.
    Source: deepeval 4.3.1, `ContextualRecallMetric`. The case's first reference counts.
    Example: two sentences of three attributed give 0.6667.
    """

    name: ClassVar[str] = "deepeval/contextual_recall"
    peer: ClassVar[str] = "ContextualRecallMetric"
    shown: ClassVar[bool] = True

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference."""
        return first_reference(case) != ""

    def fault(self, metric: Any, answer: Answer) -> str:
        return "" if metric.verdicts else "the judge gave no verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualRelevancy(JudgedMetric):
    """The share of the statements in the passages that are relevant to the question, by DeepEval.

    Range: 0 to 1, higher is better; shorter, cleaner passages raise it.
    Unit: share of statements, which the judge finds itself. One call a passage.
    Unscored: when the judge returns no verdict on any passage, which DeepEval scores 0.
    Source: deepeval 4.3.1, `ContextualRelevancyMetric`. Departures: that one.
    Example: two passages of two statements each, one of the four off the subject, give 0.75.
    """

    name: ClassVar[str] = "deepeval/contextual_relevancy"
    peer: ClassVar[str] = "ContextualRelevancyMetric"
    shown: ClassVar[bool] = True

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True

    def fault(self, metric: Any, answer: Answer) -> str:
        return "" if self._given(metric) else "the judge gave no verdict on any passage"

    def judgements(self, metric: Any, answer: Answer) -> tuple[Judgement, ...]:
        return tuple(
            Judgement(
                unit=f"u{i}",
                text=given.statement,
                label="useful" if str(given.verdict) == "yes" else "not_useful",
                note=given.reason or "",
            )
            for i, given in enumerate(self._given(metric), start=1)
        )

    def _given(self, metric: Any) -> list[Any]:
        return [one for verdicts in metric.verdicts_list for one in verdicts.verdicts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hallucination(JudgedMetric):
    """The share of the passages that the answer does not contradict, by DeepEval.

    Range: 0 to 1, higher is better: 1 is an answer that contradicts no passage, 4.3.1 has it so.
    Unit: share of passages. One call.
    Unscored: when the judge returns another number of verdicts than passages.
    Source: deepeval 4.3.1, `HallucinationMetric`, whose `context` gets the passages shown to the
    generator. Departures: DeepEval divides by the verdicts that came back.
    Example: an answer that contradicts one passage of four gives 0.75.
    """

    name: ClassVar[str] = "deepeval/hallucination"
    peer: ClassVar[str] = "HallucinationMetric"
    shown: ClassVar[bool] = True
    units: ClassVar[str] = "passages"
    labels: ClassVar[Mapping[str, Label]] = {"yes": "supported", "no": "contradicted"}

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True
