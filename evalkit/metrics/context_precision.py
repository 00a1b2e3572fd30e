"""Context precision: whether the useful passages are ranked before the useless ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.metrics import verdicts
from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.metrics.ranking import by_rank
from evalkit.records import Answer, Case, Label, Score, Unscored

LABELS: tuple[Label, ...] = ("useful", "not_useful")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPrecision:
    """The average precision of the ranked passages, each judged useful for the reference or not.

    Range: 0 to 1, higher is better; 1 when every useful passage precedes every useless one.
    Unit: precision averaged over the places of the useful passages; part `useful` is their share.
    Unscored: when the judge returns another number of verdicts than passages, or a label it was not
    asked for.
    Source: RAGAS `context_precision` with reference: sum over i of P@i·v_i, divided by sum of v_i,
    which is average precision (Manning, Raghavan and Schütze 2008, section 8.4) over what was
    retrieved. Departures: no 1e-10 in the denominator; passages are taken in retrieval order,
    whatever order the prompt shows them in. Judged against the case's first reference only, as in
    RAGAS: usefulness for one accepted answer is usefulness. No passage, or none useful, is 0.
    Example: useful, not, useful gives (1/1 + 2/3) / 2 = 0.8333.
    """

    name: ClassVar[str] = "context_precision"
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = "passages"

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference: usefulness is usefulness for reaching it."""
        return _reference(case) != ""

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """One question to the judge about all passages."""
        contexts = tuple(passage.text for passage in by_rank(answer))
        if not contexts:
            return Score(case_id=case.id, repeat=repeat, metric=self.name, value=0.0)
        judgements = await instruments.judge.usefulness(
            question=case.input, reference=_reference(case), contexts=contexts
        )
        if fault := verdicts.fault(judgements, asked=len(contexts), allowed=LABELS):
            return Unscored(case_id=case.id, repeat=repeat, metric=self.name, reason=fault)
        useful = [judgement.label == "useful" for judgement in judgements]
        return Score(
            case_id=case.id,
            repeat=repeat,
            metric=self.name,
            value=average_precision(useful),
            parts=(("useful", sum(useful) / len(useful)),),
            judgements=judgements,
        )


def average_precision(useful: list[bool]) -> float:
    """Precision at each useful place, averaged over the useful places; 0 where there is none."""
    places = [place for place, hit in enumerate(useful, start=1) if hit]
    precisions = [found / place for found, place in enumerate(places, start=1)]
    return sum(precisions) / len(precisions) if precisions else 0.0


def _reference(case: Case) -> str:
    return next((reference for reference in case.references if reference.strip()), "")
