"""Several judges as one: by majority, or as strict as the strictest.

A mixed panel is harder to talk over than one judge, and where its members disagree a person should
look: every verdict's note says how the votes fell, and `agreement` sums them up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from evalkit.errors import AuthFailed, JudgeError, NotRecorded, ProviderError
from evalkit.judges.protocol import Judge, Reversal
from evalkit.records import Judgement, Label

Rule = Literal["majority", "minimum"]

SUPPORT: tuple[Label, ...] = ("contradicted", "unsupported", "uncertain", "supported")
USEFULNESS: tuple[Label, ...] = ("not_useful", "useful")
ATTRIBUTION: tuple[Label, ...] = ("not_attributed", "attributed")
"""What each question allows, from the worst verdict to the best."""

T = TypeVar("T")
Ask = Callable[[Judge], Awaitable[tuple[Judgement, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelJudge:
    """Implements `Judge` by asking all `judges` at once.

    `majority` gives the best verdict that more than half of all judges find at least as good, so a
    tie goes to the worse one; `minimum` gives the worst verdict of any. A judge without a verdict
    or out of reach is a vote that is missing: where it could change the outcome, `JudgeError`. A
    wrong key and a missing recording are nobody's vote and are raised as they are.

    Claims are the first judge's alone: votes need the same units. Reconstructed questions are those
    of all judges who find the answer committal, and whether it is one is put to the vote as well.

        PanelJudge(judges=(one, other, third), rule="majority")
    """

    judges: tuple[Judge, ...]
    rule: Rule = "majority"

    def __post_init__(self) -> None:
        if len(self.judges) < 2:
            raise ValueError(f"a panel has at least two judges, got {len(self.judges)}")
        if self.rule not in ("majority", "minimum"):
            raise ValueError(f"the rule is majority or minimum, got {self.rule!r}")

    @property
    def name(self) -> str:
        return f"panel({', '.join(judge.name for judge in self.judges)})"

    @property
    def fingerprint(self) -> str:
        """Changes with the rule, the members, and their order: the first one makes the claims."""
        return f"panel-{self.rule}({', '.join(judge.fingerprint for judge in self.judges)})"

    @property
    def card(self) -> str:
        cards = "; ".join(dict.fromkeys(judge.card for judge in self.judges))
        return f"panel of {len(self.judges)} judges by {self.rule}: {cards}"

    async def claims(self, *, question: str, answer: str) -> tuple[str, ...]:
        """The first judge's claims."""
        return await self.judges[0].claims(question=question, answer=answer)

    async def support(
        self, *, claims: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        return await self._voted(
            SUPPORT, lambda judge: judge.support(claims=claims, contexts=contexts)
        )

    async def usefulness(
        self, *, question: str, reference: str, contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        return await self._voted(
            USEFULNESS,
            lambda judge: judge.usefulness(
                question=question, reference=reference, contexts=contexts
            ),
        )

    async def attribution(
        self, *, sentences: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        return await self._voted(
            ATTRIBUTION, lambda judge: judge.attribution(sentences=sentences, contexts=contexts)
        )

    async def reversal(self, *, question: str, answer: str) -> Reversal:
        """All questions of the judges that find the answer committal, if the panel does."""
        said = await _all(
            [judge.reversal(question=question, answer=answer) for judge in self.judges]
        )
        votes = [None if isinstance(one, Exception) else int(not one.noncommittal) for one in said]
        outcome = _outcome(votes, best=1, rule=self.rule)
        if outcome is None:
            raise JudgeError(f"the panel is undecided whether the answer commits: {_why(said)}")
        committal = outcome == 1
        asked = tuple(
            text
            for one in said
            if isinstance(one, Reversal) and one.noncommittal != committal
            for text in one.questions
        )
        return Reversal(questions=asked, noncommittal=not committal)

    async def _voted(self, scale: tuple[Label, ...], ask: Ask) -> tuple[Judgement, ...]:
        said = await _all([ask(judge) for judge in self.judges])
        ballots = [None if isinstance(one, Exception) else one for one in said]
        counts = {len(ballot) for ballot in ballots if ballot is not None}
        if len(counts) != 1:
            given = " and ".join(map(str, sorted(counts))) or "no"
            raise JudgeError(f"the panel gave {given} verdicts: {_why(said)}")
        return tuple(
            self._decided(
                scale, [None if ballot is None else ballot[at] for ballot in ballots], _why(said)
            )
            for at in range(counts.pop())
        )

    def _decided(
        self, scale: tuple[Label, ...], votes: Sequence[Judgement | None], why: str
    ) -> Judgement:
        """One unit's verdict, with the evidence of the first judge who gave it."""
        given = [vote for vote in votes if vote]
        strange = {vote.label for vote in given} - set(scale)
        if strange:
            raise JudgeError(f"a judge of the panel said {', '.join(sorted(strange))}")
        ranks = [scale.index(vote.label) if vote else None for vote in votes]
        outcome = _outcome(ranks, best=len(scale) - 1, rule=self.rule)
        if outcome is None:
            raise JudgeError(f"the panel is undecided on {given[0].unit}: {why}")
        chosen = next(vote for vote in given if vote.label == scale[outcome])
        agreeing = sum(vote.label == chosen.label for vote in given)
        ballots = ", ".join(
            f"{judge.name} {vote.label if vote else 'gave no verdict'}"
            for judge, vote in zip(self.judges, votes, strict=True)
        )
        note = f"{agreeing} of {len(votes)} judges ({ballots}). {chosen.note}".rstrip()
        return Judgement(
            unit=chosen.unit,
            text=chosen.text,
            label=chosen.label,
            evidence=chosen.evidence,
            note=note,
            votes=agreeing,
            voters=len(votes),
        )


def _outcome(votes: Sequence[int | None], *, best: int, rule: Rule) -> int | None:
    """The rank from 0 to `best` that the votes decide; None where a missing one could change it."""
    outcomes = set()
    for missing in (0, best):
        ranked = sorted(missing if vote is None else vote for vote in votes)
        # More than half of all find the lower median no worse than that, and no higher rank.
        outcomes.add(ranked[0 if rule == "minimum" else (len(ranked) - 1) // 2])
    return outcomes.pop() if len(outcomes) == 1 else None


async def _all(questions: Iterable[Awaitable[T]]) -> list[T | Exception]:
    """Every judge's reply, or why it has none; what a person must mend is raised."""
    said: list[T | Exception] = []
    for one in await asyncio.gather(*questions, return_exceptions=True):
        if isinstance(one, BaseException) and (
            isinstance(one, (AuthFailed, NotRecorded))
            or not isinstance(one, (JudgeError, ProviderError))
        ):
            raise one
        said.append(cast("T | Exception", one))
    return said


def _why(said: Iterable[object]) -> str:
    return "; ".join(f"{type(one).__name__}: {one}" for one in said if isinstance(one, Exception))
