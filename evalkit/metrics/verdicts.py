"""What every judged metric demands of verdicts: complete, in the asked words, quoting truly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from evalkit.records import Judgement, Label


def fault(judgements: Sequence[Judgement], *, asked: int, allowed: tuple[Label, ...]) -> str:
    """Why these verdicts cannot be counted, as a sentence; empty where they can.

    The denominator is what was asked: a judge that skips a unit, answers one twice or invents a
    label must not move a score, so nothing is scored at all.
    """
    if len(judgements) != asked:
        return f"the judge gave {len(judgements)} verdicts on {asked} units"
    units = [judgement.unit for judgement in judgements]
    if len(set(units)) != asked:
        twice = next(unit for unit in units if units.count(unit) > 1)
        return f"the judge gave two verdicts on {twice!r}"
    strange = sorted({judgement.label for judgement in judgements} - set(allowed))
    if strange:
        return f"the judge said {', '.join(strange)}; asked for {', '.join(allowed)}"
    return ""


def with_true_quotes(
    judgements: Iterable[Judgement], contexts: Sequence[str], *, good: Label, otherwise: Label
) -> tuple[Judgement, ...]:
    """The verdicts, where a `good` one that quotes what no context says becomes `otherwise`.

    Differences in white space are forgiven. A verdict without a quote stands: whether a judge must
    quote is its own contract, that a quote must be true is everyone's.
    """
    flat = [_flat(context) for context in contexts]

    def checked(judgement: Judgement) -> Judgement:
        quote = _flat(judgement.evidence)
        if judgement.label != good or any(quote in context for context in flat):
            return judgement
        note = f"the quote is in no context, so not {good}. {judgement.note}".rstrip()
        return replace(judgement, label=otherwise, note=note)

    return tuple(checked(judgement) for judgement in judgements)


def rate(judgements: Sequence[Judgement], label: Label) -> float:
    """The share of these verdicts that carry `label`; at least one verdict is needed."""
    return sum(judgement.label == label for judgement in judgements) / len(judgements)


def _flat(text: str) -> str:
    return " ".join(text.split())
