"""DeepEval's metrics whose criterion is the user's own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from evalkit.metrics.deepeval.adapter import (
    DeepEval,
    JudgedMetric,
    first_reference,
    miscounted,
)
from evalkit.records import Answer, Case

Param = Literal["input", "actual_output", "expected_output", "context", "retrieval_context"]
"""What of a case and its answer the judge is shown; `context` and `retrieval_context` are both the
passages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """What a band of points, 0 to 10, stands for: `{ score_range = [0, 3], … }`."""

    score_range: tuple[int, ...]
    expected_outcome: str

    def __post_init__(self) -> None:
        band = self.score_range
        if len(band) != 2 or not 0 <= band[0] <= band[1] <= 10:
            raise ValueError(f"score_range is [from, to] within 0 and 10, got {list(band)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GEval(JudgedMetric):
    """Points for a criterion in words, given by the judge step by step, by DeepEval's G-Eval.

    Range: 0 to 1, higher is better: write `criteria` so that more is better.
    Unit: points of ten, or of the rubric's span; 0 or 1 with `strict_mode`. One call, and one for
    the whole suite that turns `criteria` into steps unless `evaluation_steps` are given.
    Unscored: when the points are outside their scale.
    Source: Liu et al. 2023, "G-Eval" (EMNLP, arXiv:2303.16634), as deepeval 4.3.1, `GEval`.
    Departures: points are taken as said, not weighted by token probabilities: providers differ in
    which of those they give, and DeepEval does the same with a judge that is not its own.
    Example: `criteria = "The tone is friendly."` and 8 points give 0.8.
    """

    name: ClassVar[str] = "deepeval/g_eval"
    peer: ClassVar[str] = "GEval"
    criteria: str = ""
    evaluation_steps: tuple[str, ...] = ()
    evaluation_params: tuple[Param, ...] = ("input", "actual_output")
    rubric: tuple[Rubric, ...] = ()

    def __post_init__(self) -> None:
        if not (self.criteria.strip() or self.evaluation_steps):
            raise ValueError("needs criteria, in words, or evaluation_steps")
        if not self.evaluation_params:
            raise ValueError("evaluation_params names at least one thing to look at")
        bands = sorted(band.score_range for band in self.rubric)
        if any(low[1] >= high[0] for low, high in itertools.pairwise(bands)):
            raise ValueError(f"the rubric's bands overlap: {[list(band) for band in bands]}")
        JudgedMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Every case, or those with a reference where the judge is shown it."""
        return "expected_output" not in self.evaluation_params or first_reference(case) != ""

    def judges_passages(self) -> bool:
        return not {"context", "retrieval_context"}.isdisjoint(self.evaluation_params)

    def arguments(self, peer: DeepEval) -> dict[str, Any]:
        band = peer.metrics.g_eval.utils.Rubric
        return {
            "name": "evalkit",
            "criteria": self.criteria or None,
            "evaluation_steps": list(self.evaluation_steps) or None,
            "evaluation_params": [peer.params(param) for param in self.evaluation_params],
            "rubric": [
                band(score_range=one.score_range, expected_outcome=one.expected_outcome)
                for one in self.rubric
            ]
            or None,
            "strict_mode": self.strict_mode,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptAlignment(JudgedMetric):
    """The share of the `prompt_instructions` that the answer follows completely, by DeepEval.

    Range: 0 to 1, higher is better.
    Unit: share of instructions. One call.
    Unscored: when the judge returns another number of verdicts than instructions.
    Source: deepeval 4.3.1, `PromptAlignmentMetric`. Departures: DeepEval divides by the verdicts
    that came back.
    Example: `prompt_instructions = ["Answer in upper case.", "Name a source."]`, one followed, 0.5.
    """

    name: ClassVar[str] = "deepeval/prompt_alignment"
    peer: ClassVar[str] = "PromptAlignmentMetric"
    units: ClassVar[str] = "prompt_instructions"
    prompt_instructions: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.prompt_instructions:
            raise ValueError("prompt_instructions holds at least one instruction")
        JudgedMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarization(JudgedMetric):
    """Whether the answer, a summary of the case's input, is true to it and covers it, by DeepEval.

    Range: 0 to 1, higher is better.
    Unit: the lesser of parts `alignment`, the share of claims that the input bears out, and
    `coverage`, the share of `assessment_questions` answered by the input that the summary answers
    too. Without `assessment_questions` the judge makes up `n` of them. Five or six calls.
    Unscored: when the judge finds no claim, returns another number of verdicts than claims or of
    answers than questions, or answers other than yes or no.
    Source: deepeval 4.3.1, `SummarizationMetric`. Departures: DeepEval divides by the verdicts that
    came back, and scores 0 without claims.
    Example: all claims borne out, three questions of four covered, give 0.75.
    """

    name: ClassVar[str] = "deepeval/summarization"
    peer: ClassVar[str] = "SummarizationMetric"
    n: int = 5
    assessment_questions: tuple[str, ...] | None = None
    truths_extraction_limit: int | None = None

    def __post_init__(self) -> None:
        if self.n < 1 or self.assessment_questions == ():
            raise ValueError("needs at least one assessment question, its own or made up (n)")
        JudgedMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Every case: its input is the text to be summarised."""
        return True

    def fault(self, metric: Any, answer: Answer) -> str:
        covered = metric.coverage_verdicts
        words = {v.original_verdict for v in covered} | {v.summary_verdict for v in covered}
        strange = sorted({word for word in words if word.strip().lower() not in {"yes", "no"}})
        if strange:
            return f"the judge said {', '.join(strange)}; asked for yes or no"
        return miscounted(
            len(metric.claims), len(metric.alignment_verdicts), some=True
        ) or miscounted(len(metric.assessment_questions), len(covered), some=True)

    def parts(self, metric: Any) -> tuple[tuple[str, float], ...]:
        return tuple((name.lower(), float(v)) for name, v in metric.score_breakdown.items())
