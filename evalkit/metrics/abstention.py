"""Abstention: whether the target answers when it should, and only then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.records import Answer, Case, Score, Unscored
from evalkit.text import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """Whether the target answered where an answer is expected and abstained where it is not.

    Range: 0 or 1, higher is better; whether the answer is correct is not asked.
    Unit: share of right decisions. A case carries one part, `right_to_answer` or
    `right_to_abstain`, so that the means of the parts are the two classes' own accuracies: the
    value alone rewards whatever the larger class wants.
    Unscored: never by itself; a judge that gives no verdict raises `JudgeError`.
    Source: Rajpurkar et al. 2018, "Know What You Don't Know" (SQuAD 2.0, arXiv:1806.03822), the
    answerable/unanswerable decision. Departures: the decision is the judge's `noncommittal`, not a
    comparison with an empty string; an answer without a word is an abstention.
    Example: "I don't know." on a case that expects an abstention gives 1, on any other 0.
    """

    name: ClassVar[str] = "abstention"
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = "answer"

    def applies_to(self, case: Case) -> bool:
        """Every case: each says what it expects."""
        return True

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """One question to the judge, none about an answer without a word."""
        abstained = True
        if words(answer.text):
            reversal = await instruments.judge.reversal(question=case.input, answer=answer.text)
            abstained = reversal.noncommittal
        right = float(abstained == (case.expect == "abstain"))
        return Score(
            case_id=case.id,
            repeat=repeat,
            metric=self.name,
            value=right,
            parts=((f"right_to_{case.expect}", right),),
        )
