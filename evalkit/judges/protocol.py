"""What a judge is asked: one method a question, verdicts on units that evalkit named.

A judge answers for exactly the units it was given, in order. Where it cannot, it asks itself again
once and then raises `JudgeError`: the metric becomes `Unscored`, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from evalkit.records import Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """The questions an answer seems to answer, and whether it commits to anything.

    `noncommittal` is true for "I don't know", "the passages do not say" and the like.
    """

    questions: tuple[str, ...]
    noncommittal: bool


class Judge(Protocol):
    """Turns text into verdicts. `card` is one line on its measured agreement with people."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def card(self) -> str: ...

    async def claims(self, *, question: str, answer: str) -> tuple[str, ...]:
        """The statements the answer makes; empty when it makes none (an abstention)."""
        ...

    async def support(
        self, *, claims: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """A verdict a claim: supported, contradicted, unsupported, or uncertain."""
        ...

    async def usefulness(
        self, *, question: str, reference: str, contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """A verdict a context: useful or not_useful for reaching the reference answer."""
        ...

    async def attribution(
        self, *, sentences: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """A verdict a reference sentence: attributed to the contexts, or not_attributed."""
        ...

    async def reversal(self, *, question: str, answer: str) -> Reversal:
        """The questions this answer would answer, and whether it is noncommittal."""
        ...
