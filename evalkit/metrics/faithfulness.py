"""Faithfulness: whether the answer says only what its passages say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.metrics import verdicts
from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.records import Answer, Case, Judgement, Label, Score, Unscored
from evalkit.text import words

LABELS: tuple[Label, ...] = ("supported", "contradicted", "unsupported", "uncertain")
UNCERTAIN_WEIGHT = 0.5
"""Half: the embedded judge's abstain band is where its verdict is a coin's toss, so either whole
value would bias the mean by the width of the band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """The share of the answer's claims that the passages in its prompt support.

    Range: 0 to 1, higher is better.
    Unit: share of claims; parts give supported, contradicted, unsupported and uncertain apart.
    Unscored: when the judge returns blank claims, another number of verdicts than claims, or a
    label it was not asked for.
    Source: Es et al. 2024, "RAGAs" (EACL demo, arXiv:2309.15217), section 3. Departures: the
    denominator is the claims asked, never the verdicts returned; a claim whose quote is in no
    passage is unsupported; an uncertain verdict counts one half; an answer without claims, which
    is NaN in RAGAS, scores 1 where the case expects an abstention and 0 where it expects an answer;
    claims without any passage are all unsupported.
    Example: four claims, three supported and one contradicted, give 0.75.
    """

    name: ClassVar[str] = "faithfulness"
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = "answer"

    def applies_to(self, case: Case) -> bool:
        """Every case: an answer that should have been an abstention can still be faithful."""
        return True

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """Two questions to the judge: which claims, and which of them hold."""
        # An answer without a word makes no claim; a judge shown ":" has been known to pass it.
        claims: tuple[str, ...] = ()
        if words(answer.text):
            claims = await instruments.judge.claims(question=case.input, answer=answer.text)
        if not claims:
            silent = 1.0 if case.expect == "abstain" else 0.0
            return Score(case_id=case.id, repeat=repeat, metric=self.name, value=silent)
        contexts = tuple(passage.text for passage in answer.passages)
        judgements = await self._judged(claims, contexts, instruments)
        fault = verdicts.fault(judgements, asked=len(claims), allowed=LABELS)
        if not all(claim.strip() for claim in claims):
            fault = "the judge returned a blank claim"
        if fault:
            return Unscored(case_id=case.id, repeat=repeat, metric=self.name, reason=fault)
        judgements = verdicts.with_true_quotes(
            judgements, contexts, good="supported", otherwise="unsupported"
        )
        parts = tuple((label, verdicts.rate(judgements, label)) for label in LABELS)
        rates = dict(parts)
        return Score(
            case_id=case.id,
            repeat=repeat,
            metric=self.name,
            value=rates["supported"] + UNCERTAIN_WEIGHT * rates["uncertain"],
            parts=parts,
            judgements=judgements,
        )

    async def _judged(
        self, claims: tuple[str, ...], contexts: tuple[str, ...], instruments: Instruments
    ) -> tuple[Judgement, ...]:
        if contexts:
            return await instruments.judge.support(claims=claims, contexts=contexts)
        # Nothing was shown to the generator: no judge is needed to see that nothing supports it.
        return tuple(
            Judgement(unit=f"c{i}", text=claim, label="unsupported", note="no passage was given")
            for i, claim in enumerate(claims, start=1)
        )
