"""A judge that says what it was told to: the stand-in for tests and examples. It judges nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from evalkit.judges.protocol import Reversal
from evalkit.providers.protocol import Embedder
from evalkit.records import Judgement, Label
from evalkit.text import sentences, words

Verdicts = Label | Callable[[str], Label]
"""One label for every unit, or a function from a unit's text to its label."""


def sentences_as_claims(question: str, answer: str) -> tuple[str, ...]:  # noqa: ARG001  # the seam
    """Each sentence of the answer is a claim."""
    return tuple(span.text for span in sentences(answer))


def the_question(question: str, answer: str) -> Reversal:
    """Every answer answers the very question asked; one without a word is noncommittal."""
    return Reversal(questions=(question,), noncommittal=not words(answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedJudge:
    """A judge made of functions and fixed labels, one a question.

    A function may raise `JudgeError`, as a real judge would. Units are named `c1…`, `p1…`, `s1…`.
    `costs` makes it count as one whose calls are to be spared.
    `embedder` is taken, as the registry gives every judge one, and not used.

        ScriptedJudge(supports=lambda claim: "supported" if "Paris" in claim else "contradicted")
    """

    embedder: Embedder | None = field(default=None, kw_only=False)
    makes_claims: Callable[[str, str], tuple[str, ...]] = sentences_as_claims
    supports: Verdicts = "supported"
    finds_useful: Verdicts = "useful"
    attributes: Verdicts = "attributed"
    reverses: Callable[[str, str], Reversal] = the_question
    name: str = "scripted"
    fingerprint: str = "scripted"
    card: str = "scripted judge: a stand-in, its verdicts mean nothing"
    costs: bool = False

    async def claims(self, *, question: str, answer: str) -> tuple[str, ...]:
        """What `makes_claims` says of question and answer."""
        return self.makes_claims(question, answer)

    async def support(
        self, *, claims: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """What `supports` says of each claim."""
        return _judged("c", claims, self.supports)

    async def usefulness(
        self, *, question: str, reference: str, contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """What `finds_useful` says of each context."""
        return _judged("p", contexts, self.finds_useful)

    async def attribution(
        self, *, sentences: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """What `attributes` says of each sentence."""
        return _judged("s", sentences, self.attributes)

    async def reversal(self, *, question: str, answer: str) -> Reversal:
        """What `reverses` says of question and answer."""
        return self.reverses(question, answer)


def _judged(prefix: str, units: tuple[str, ...], verdicts: Verdicts) -> tuple[Judgement, ...]:
    return tuple(
        Judgement(
            unit=f"{prefix}{i}",
            text=unit,
            label=verdicts(unit) if callable(verdicts) else verdicts,
            note="scripted",
        )
        for i, unit in enumerate(units, start=1)
    )
