"""Context recall: whether the passages hold what the reference answer says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.metrics import verdicts
from evalkit.metrics.protocol import Instruments, JudgedOn
from evalkit.records import Answer, Case, Judgement, Label, Score, Unscored
from evalkit.text import sentences

LABELS: tuple[Label, ...] = ("attributed", "not_attributed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRecall:
    """The share of a reference's sentences that can be attributed to the passages.

    Range: 0 to 1, higher is better.
    Unit: share of sentences. With several references it is the best reference's share: each is a
    complete accepted answer, so passages that carry one of them whole lack nothing, and a mean
    would punish them for not also carrying another annotator's wording.
    Unscored: when the judge returns another number of verdicts than sentences, or a label it was
    not asked for.
    Source: RAGAS `context_recall`. Departures: sentences are split by `evalkit.text.sentences`
    before the judge sees them, so the denominator does not depend on the judge; a sentence whose
    quote is in no passage is not attributed; no passage at all is 0 without asking.
    Example: a reference of three sentences, two of them attributed, gives 0.6667.
    """

    name: ClassVar[str] = "context_recall"
    version: ClassVar[int] = 1
    judged_on: ClassVar[JudgedOn] = "passages"

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference."""
        return any(reference.strip() for reference in case.references)

    async def score(
        self, case: Case, answer: Answer, *, repeat: int, instruments: Instruments
    ) -> Score | Unscored:
        """One question to the judge about all sentences of all references."""
        split = [tuple(span.text for span in sentences(text)) for text in case.references]
        # Order and repeats of references must not matter beyond ties, which the first one wins.
        references = [found for found in dict.fromkeys(split) if found]
        asked = tuple(sentence for found in references for sentence in found)
        contexts = tuple(passage.text for passage in answer.passages)
        judgements = await self._judged(asked, contexts, instruments)
        if fault := verdicts.fault(judgements, asked=len(asked), allowed=LABELS):
            return Unscored(case_id=case.id, repeat=repeat, metric=self.name, reason=fault)
        judgements = verdicts.with_true_quotes(
            judgements, contexts, good="attributed", otherwise="not_attributed"
        )
        value, best = _best(judgements, [len(found) for found in references])
        return Score(case_id=case.id, repeat=repeat, metric=self.name, value=value, judgements=best)

    async def _judged(
        self, asked: tuple[str, ...], contexts: tuple[str, ...], instruments: Instruments
    ) -> tuple[Judgement, ...]:
        if contexts:
            return await instruments.judge.attribution(sentences=asked, contexts=contexts)
        note = "no passage was given"
        return tuple(
            Judgement(unit=f"s{i}", text=sentence, label="not_attributed", note=note)
            for i, sentence in enumerate(asked, start=1)
        )


def _best(
    judgements: tuple[Judgement, ...], lengths: list[int]
) -> tuple[float, tuple[Judgement, ...]]:
    """The highest share over consecutive runs of `lengths` verdicts, with that run."""
    runs, start = [], 0
    for length in lengths:
        runs.append(judgements[start : start + length])
        start += length
    shares = [verdicts.rate(run, "attributed") for run in runs]
    return max(shares), runs[shares.index(max(shares))]
