"""A chat model as the judge: five questions, each one call, each reply checked before it counts.

What a judge reads was written by others, and some of it wants to be judged well. So data stands in
a frame with a nonce, as JSON and without invisible characters; verdict words are drawn anew for
each call; a reply is read strictly; a good verdict must quote words that are really there; and an
answer's sentences are cut by code, so that none can be left out. docs/judges.md says what that is
measured to withstand, and what it is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, TypeVar, cast

from evalkit.errors import JudgeError
from evalkit.judges import questions, reply
from evalkit.judges.protocol import Reversal
from evalkit.judges.questions import ATTRIBUTION, CLAIMS, REVERSAL, SUPPORT, USEFULNESS
from evalkit.judges.quotes import located
from evalkit.judges.reply import Verdict
from evalkit.judges.shown import MAX_UNITS, Shown, clean, compared, judged, whole
from evalkit.judges.statements import copies, counted, distinct, without_question
from evalkit.judges.wording import draw
from evalkit.providers.protocol import Model
from evalkit.records import Judgement, Label
from evalkit.text import content_words, words
from evalkit.text import sentences as split

T = TypeVar("T")
Reader = Callable[[str, tuple[str, ...], Mapping[str, str]], dict[str, T]]
"""From a reply, the ids asked for and the meanings of the words, to what is said of each id."""

RULES_VERSION = 1
"""Raised whenever the same replies would be judged differently."""
ATTEMPTS = 2
MORE_ROOM = 4
"""How much longer the second reply may be where the first was cut short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmJudge:
    """Implements `Judge` with at most one call a question, two where a reply could not be used.

    `reversed_questions` are reconstructed from an answer. `thinking_tokens` is what the model may
    spend on reasoning before it replies, where that counts as output. `closed_schema` writes the
    ids and words of each call into its JSON Schema: a server that compiles schemas in milliseconds
    then makes small models keep to them; the hosted ones take seconds for a schema they have not
    seen. It also turns a word that an attack put into the model's mouth, which would be refused,
    into the choice of an allowed one. `draw` makes the words of a call.

    Every method raises `JudgeError` where the second reply still leaves something out, and the
    model's own `ProviderError`.

        judge = LlmJudge(model=model)
        await judge.support(claims=("It rained.",), contexts=("Rain fell on Paris.",))
    """

    model: Model
    reversed_questions: int = 3
    thinking_tokens: int = 0
    closed_schema: bool = False
    draw: questions.Draw = draw

    def __post_init__(self) -> None:
        if self.reversed_questions < 1 or self.thinking_tokens < 0:
            raise ValueError("reversed_questions must be at least 1, thinking_tokens at least 0")

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def fingerprint(self) -> str:
        """Changes with the model, the prompts, the options, or the rules of this package."""
        prompts = "+".join(question.prompt.digest for question in questions.QUESTIONS)
        options = (self.reversed_questions, self.thinking_tokens, self.closed_schema)
        digest = hashlib.sha256(f"{prompts} {options}".encode()).hexdigest()[:12]
        return f"llm-r{RULES_VERSION}-{digest}+{self.model.fingerprint}"

    @property
    def card(self) -> str:
        """Its name; what people's labels say of it stands in its calibrations (`evalkit.cards`)."""
        return f"LLM judge {self.name}"

    async def claims(self, *, question: str, answer: str) -> tuple[str, ...]:
        """What the answer's sentences state; no call where none has a word."""
        answer = whole("the answer", clean(answer))
        parts = judged("s", [span.text for span in split(answer) if words(span.text)])
        if not parts.texts:
            return ()
        asked = _context(question)
        found = await self._replies(
            CLAIMS,
            units=parts,
            data={"question": asked},
            read=lambda text, ids, meanings: reply.sentences(text, ids=ids, meanings=meanings),
            repeated=len(answer),
        )
        spoken = frozenset(content_words(answer))
        claims = distinct(
            claim
            for unit, sentence in parts.texts.items()
            if found[unit].claims
            for claim in counted(sentence, found[unit].claims, question=asked, spoken=spoken)
        )
        if len(claims) > MAX_UNITS:
            raise JudgeError(f"{len(claims)} claims; the judge checks at most {MAX_UNITS}")
        return claims

    async def support(
        self, *, claims: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """Supported and contradicted need a true quote; without one a claim is unsupported."""
        return await self._compared(SUPPORT, "c", claims, contexts, otherwise="unsupported")

    async def attribution(
        self, *, sentences: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """Attributed needs a true quote; without one a sentence is not attributed."""
        return await self._compared(
            ATTRIBUTION, "s", sentences, contexts, otherwise="not_attributed"
        )

    async def usefulness(
        self, *, question: str, reference: str, contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """Useful needs a true quote from the context itself; without one it is not useful."""
        if not contexts:
            return ()
        shown = compared("p", contexts)
        found = await self._replies(
            USEFULNESS,
            units=shown,
            data={"question": _context(question), "reference": _context(reference)},
            read=_verdicts(("id", "reason", "quote", "verdict")),
        )
        return tuple(
            _judgement(intern(f"p{i}"), context, found[f"p{i}"], context, "not_useful", shown.note)
            for i, context in enumerate(contexts, start=1)
        )

    async def reversal(self, *, question: str, answer: str) -> Reversal:
        """The judge reads the answer less its echoes of the question; nothing left, no call."""
        answer = whole("the answer", clean(answer))
        bare = without_question(answer, clean(question))
        if not words(bare):
            return Reversal(questions=(), noncommittal=True)
        ids = tuple(f"q{i}" for i in range(1, self.reversed_questions + 1))

        def read(text: str, _: tuple[str, ...], meanings: Mapping[str, str]) -> dict[str, Reversal]:
            made = reply.reconstruction(text, ids=ids, meanings=meanings)
            if any(copies(asked, question, answer) for asked in made.questions.values()):
                raise JudgeError("a question was copied out of the answer, not reconstructed")
            texts = tuple(made.questions[i] for i in ids if i in made.questions)
            return {"answer": Reversal(questions=texts, noncommittal=not made.committal)}

        found = await self._replies(
            REVERSAL,
            units=Shown(texts={"answer": bare}),
            data={"answer": bare, "count": len(ids)},
            read=read,
            ids=ids,
        )
        return found["answer"]

    async def _compared(
        self,
        question: questions.Question,
        prefix: str,
        texts: tuple[str, ...],
        contexts: tuple[str, ...],
        *,
        otherwise: Label,
    ) -> tuple[Judgement, ...]:
        """Verdicts on texts against contexts; all of them are `otherwise` where there is none."""
        named = {intern(f"{prefix}{i}"): text for i, text in enumerate(texts, start=1)}
        if not texts or not contexts:
            note = "there is no context"
            return tuple(
                Judgement(unit=unit, text=text, label=otherwise, note=note)
                for unit, text in named.items()
            )
        shown = compared("p", contexts)
        originals = dict(zip(shown.texts, contexts, strict=True))
        found = await self._replies(
            question,
            units=judged(prefix, texts),
            data={"contexts": shown.items()},
            read=_verdicts(reply.VERDICT_KEYS),
        )
        return tuple(
            _judgement(
                unit, text, found[unit], originals.get(found[unit].context, ""), otherwise,
                shown.note,
            )
            for unit, text in named.items()
        )  # fmt: skip

    async def _replies(
        self,
        question: questions.Question,
        *,
        units: Shown,
        data: Mapping[str, Any],
        read: Reader[T],
        repeated: int = 0,
        ids: tuple[str, ...] = (),
    ) -> dict[str, T]:
        """What the judge says of every unit, asked once more for those that it left out.

        `ids` are those a reply gives where they are not the units' own.
        """
        found: dict[str, T] = {}
        fault, more = "left out", 1
        for attempt in range(ATTEMPTS):
            missing = tuple(unit for unit in units.texts if unit not in found)
            asked = data if ids else {**data, question.units: units.items(missing)}
            tokens = questions.room(question, units=len(ids or missing), repeated=repeated)
            call = questions.call(
                question,
                asked,
                draw=self.draw,
                ids=ids or missing,
                attempt=attempt,
                tokens=more * tokens + self.thinking_tokens,
                closed=self.closed_schema,
            )
            completion = await self.model.complete(call.request)
            if completion.stop_reason == "refusal":
                raise JudgeError(f"{self.name} refuses to judge ({question.ref})")
            if completion.stop_reason == "length":
                fault, more = f"cut short after {call.request.max_output_tokens} tokens", MORE_ROOM
                continue
            try:
                found |= read(completion.text, missing, call.meanings)
            except JudgeError as error:
                fault = str(error)
            if len(found) == len(units.texts):
                return found
        left = ", ".join(unit for unit in units.texts if unit not in found)
        raise JudgeError(
            f"{self.name} gave no usable verdict on {left} ({question.ref}, asked twice): {fault}"
        )


def _context(text: str) -> str:
    """A text that only explains the units: by its two ends where it is too long."""
    (shown,) = compared("p", (text,)).texts.values()
    return shown


def _verdicts(keys: tuple[str, ...]) -> Reader[Verdict]:
    return lambda text, ids, meanings: reply.verdicts(text, ids=ids, meanings=meanings, keys=keys)


def _judgement(
    unit: str, text: str, verdict: Verdict, context: str, otherwise: Label, shown: str
) -> Judgement:
    """A verdict as it counts: what its quote does not bear out is `otherwise`."""
    evidence = located(verdict.quote, context)
    label = cast("Label", verdict.says)
    doubt = ""
    if label != otherwise and not evidence:
        doubt = f"the quote is not in the context it names, so not {label}"
        label = otherwise
    note = "; ".join(part for part in (doubt, verdict.reason.strip(), shown) if part)
    return Judgement(unit=unit, text=text, label=label, evidence=evidence, note=note)
