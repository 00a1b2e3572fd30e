"""A judge that needs no key and no network.

Sentence embeddings and lexical rules under two small logistic regressions, which
`scripts/fit_embedded_judge.py` fits. It is a smoke alarm for answers that leave their contexts: it
cannot follow an inference, and roles swapped or a word turned into its opposite mostly escape it.
`card` states its measured agreement with people, docs/embedded-models.md what it misses.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from evalkit.errors import JudgeError
from evalkit.judges.embedded_features import Agreement, Evidence, agree, gather
from evalkit.judges.protocol import Reversal
from evalkit.providers.protocol import Embedder
from evalkit.records import Judgement, Label
from evalkit.text import content_words, numbers, sentences

WEIGHTS = Path(__file__).parent / "weights" / "embedded.json"
RULES_VERSION = 1
"""Raised whenever this file or the features judge differently with the same weights."""

FRAGMENT_WORDS = 5
"""The cosine of an answer with fewer words says nothing about what it answers."""

_YES_NO = re.compile(r"(?:yes|no|true|false|correct|incorrect)\b[\s.!]*", re.IGNORECASE)

_SIMILAR = 0.6  # cosine and word overlap from which a disagreement counts as a contradiction

_SAYS = (
    r"(?:say|state|mention|specify|indicate|contain|provide|include|give|answer|address|discuss"
    r"|cover|explain|describe|tell|reveal|name|offer|have|list)s?"
)
_SOURCE = (
    r"(?:passages?|contexts?|excerpts?|sources?|search results|knowledge base"
    r"|(?:provided|given|available|retrieved|above) "
    r"(?:text|documents?|information|materials?|articles?|sources?|passages?|contexts?)"
    r"|(?:text|documents|information|article) (?:provided|given|above|available))"
)
_NOT = r"(?:do(?:es)? not|do(?:es)?n['’]t|did not|didn['’]t|cannot|can['’]t|fails? to)"
_GIVEN = (
    r"(?:mentioned|stated|specified|given|provided|found|contained|included|available|discussed"
    r"|covered|answered|addressed|described)"
)
ABSTENTION = re.compile(
    rf"\b{_SOURCE}\b[^.!?]{{0,40}}?\b{_NOT}\b[^.!?]{{0,30}}?\b{_SAYS}\b"
    rf"|\bnone of (?:the|these) {_SOURCE}\b[^.!?]{{0,20}}?\b{_SAYS}\b"
    rf"|\b(?:is|are|was|were)(?: not|n['’]t) (?:\w+ )?{_GIVEN} (?:\w+ ){{0,2}}?(?:in|by) "
    rf"(?:the |these |any )?(?:{_SOURCE}|text|documents?)\b"
    r"|^(?:(?:i['’]m |i am )?(?:sorry|afraid)\W+(?:but )?(?:that )?)?i (?:really |simply )?"
    r"(?:do not|don['’]t) (?:know|have (?:enough|any|sufficient|that|the|this) )"
    r"|\bi(?: am|['’]m)? "
    r"(?:not sure|unsure|unable to|not able to|cannot|can['’]t|could not|couldn['’]t)"
    r"(?:[.!?]*$|,| (?:answer|find|determine|tell|say|provide|locate|give|help|what|who|when"
    r"|where|how|why|which|if|whether|about|based))"
    r"|\b(?:there is|there['’]s|there was|i (?:found|have|see)) "
    r"(?:no|not enough|insufficient) "
    r"(?:relevant |specific |further |such )?"
    r"(?:information|mention|answer|evidence|data|details?)\b(?!-)"
    r"|^(?:no|not enough|insufficient) (?:relevant )?(?:information|context|answer|data)\b"
    r"|\bcan(?:not|['’]t| not) be (?:answered|determined)\b[^.!?]{0,30}?"
    r"(?:from|with|using|based|given|$|[.!?])"
    r"|^(?:unknown|unanswerable|not answerable|not (?:stated|mentioned|specified|given|found)|n/?a)"
    r"[.!]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A fitted logistic regression over `FEATURES`; between `low` and `high` it abstains."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    threshold: float
    low: float
    high: float

    def probability(self, values: Sequence[float]) -> float:
        """How likely people would call the claim supported, on the sets it was fitted on."""
        terms = zip(values, self.means, self.scales, self.coefficients, strict=True)
        logit = self.intercept + sum(
            weight * (value - mean) / scale for value, mean, scale, weight in terms
        )
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def is_abstention(sentence: str) -> bool:
    """Whether a sentence says that the answer is not known or not in the passages.

    "The passages do not say." is one; "The treaty does not mention slavery." is not.
    """
    return ABSTENTION.search(sentence.strip()) is not None


class EmbeddedJudge:
    """Implements `Judge`; deterministic for one embedder fingerprint and one weights file."""

    name = "embedded/lexical-cosine"

    def __init__(self, embedder: Embedder, *, weights: Path = WEIGHTS) -> None:
        self._embedder = embedder
        self._weights = weights

    @property
    def fingerprint(self) -> str:
        """Changes with the weights, the rules or the embedder."""
        digest = hashlib.sha256(self._weights.read_bytes()).hexdigest()[:12]
        return f"{self.name}-r{RULES_VERSION}-{digest}+{self._embedder.fingerprint}"

    @property
    def card(self) -> str:
        """Measured agreement with people, for every report."""
        return str(self._fitted["card"])

    async def claims(self, *, question: str, answer: str) -> tuple[str, ...]:
        """The sentences of the answer that state something.

        "Yes" is joined with its question; any other fragment is looked for by itself, so a wrong
        one that stands elsewhere in the contexts passes. Abstentions state nothing.
        """
        if _YES_NO.fullmatch(answer.strip()) and question.strip():
            return (statement(question, answer),)
        parts = [span.text for span in sentences(answer)]
        return tuple(part for part in parts if content_words(part) and not is_abstention(part))

    async def support(
        self, *, claims: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """A verdict a claim; "uncertain" inside the abstain band of the regression."""
        model = self._support
        agreements = await self._compare(claims, gather(contexts))
        return tuple(
            _support_of(f"c{at}", claim, agreement, model)
            for at, (claim, agreement) in enumerate(zip(claims, agreements, strict=True), start=1)
        )

    async def usefulness(
        self, *, question: str, reference: str, contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """Whether each context, taken alone, helps to reach the reference answer."""
        wanted = statement(question, reference)
        pieces = [gather((context,)) for context in contexts]
        # All at once first: the embedder works on several texts at a time and remembers them.
        await self._embedder.embed([wanted, *(text for piece in pieces for text in piece.texts)])
        judgements = []
        for at, (context, piece) in enumerate(zip(contexts, pieces, strict=True), start=1):
            (agreement,) = await self._compare((wanted,), piece)
            chance = self._usefulness.probability(agreement.values) if agreement else 0.0
            useful: Label = "useful" if chance >= self._usefulness.threshold else "not_useful"
            judgements.append(
                Judgement(
                    unit=f"p{at}",
                    text=context,
                    label=useful,
                    evidence=agreement.best if agreement else "",
                    note=f"p = {chance:.2f}",
                )
            )
        return tuple(judgements)

    async def attribution(
        self, *, sentences: tuple[str, ...], contexts: tuple[str, ...]
    ) -> tuple[Judgement, ...]:
        """Whether each reference sentence can be found in the contexts."""
        agreements = await self._compare(sentences, gather(contexts))
        judgements = []
        for at, (text, agreement) in enumerate(zip(sentences, agreements, strict=True), start=1):
            chance = self._chance(agreement)
            found: Label = "attributed" if chance >= self._support.threshold else "not_attributed"
            judgements.append(
                Judgement(
                    unit=f"s{at}",
                    text=text,
                    label=found,
                    evidence=agreement.best if agreement else "",
                    note=_note(chance, agreement),
                )
            )
        return tuple(judgements)

    async def reversal(self, *, question: str, answer: str) -> Reversal:
        """The answer itself stands for the question it would answer: there is no generator here.

        Its cosine with the question is an alarm for answers off the topic, not a measure of
        quality. Raises `JudgeError` on a fragment, whose cosine says nothing.
        """
        parts = [span.text for span in sentences(answer)]
        stated = [part for part in parts if content_words(part) and not is_abstention(part)]
        noncommittal = not stated or is_abstention(parts[0])
        if noncommittal:
            return Reversal(questions=(answer.strip() or question,), noncommittal=True)
        if len(answer.split()) < FRAGMENT_WORDS:
            raise JudgeError(
                f"the embedded judge cannot tell what an answer of fewer than {FRAGMENT_WORDS} "
                f"words responds to: {answer.strip()!r}"
            )
        return Reversal(questions=(" ".join(stated),), noncommittal=False)

    async def _compare(
        self, claims: Sequence[str], evidence: Evidence
    ) -> tuple[Agreement | None, ...]:
        """None for every claim where there is no sentence to compare with."""
        if not evidence.sentences or not claims:
            return tuple(None for _ in claims)
        vectors = await self._embedder.embed([*claims, *evidence.texts])
        known = vectors[len(claims) :]
        return tuple(
            agree(claim, vectors[at], evidence, known, self._idf) for at, claim in enumerate(claims)
        )

    def _chance(self, agreement: Agreement | None) -> float:
        if agreement is None:
            return 0.0
        return 1.0 if agreement.verbatim else self._support.probability(agreement.values)

    @cached_property
    def _fitted(self) -> Mapping[str, object]:
        fitted: Mapping[str, object] = json.loads(self._weights.read_text(encoding="utf-8"))
        return fitted

    @cached_property
    def _idf(self) -> Mapping[str, float]:
        return cast("Mapping[str, float]", self._fitted["idf"])

    @cached_property
    def _support(self) -> Regression:
        return _regression(self._fitted["support"])

    @cached_property
    def _usefulness(self) -> Regression:
        return _regression(self._fitted["usefulness"])


def statement(question: str, answer: str) -> str:
    """An answer read with its question: "Is it a cat? Yes"."""
    asked = question.strip()
    asked = asked if asked.endswith(("?", ".", "!")) else asked + "?"
    return f"{asked} {answer.strip()}".strip()


def _regression(fitted: Any) -> Regression:
    return Regression(
        means=tuple(fitted["means"]),
        scales=tuple(fitted["scales"]),
        coefficients=tuple(fitted["coefficients"]),
        intercept=fitted["intercept"],
        threshold=fitted["threshold"],
        low=fitted["low"],
        high=fitted["high"],
    )


def _support_of(unit: str, claim: str, agreement: Agreement | None, model: Regression) -> Judgement:
    if agreement is None:
        return Judgement(unit=unit, text=claim, label="unsupported", note="there is no context")
    chance = 1.0 if agreement.verbatim else model.probability(agreement.values)
    return Judgement(
        unit=unit,
        text=claim,
        label=support_label(chance, agreement, model),
        evidence=agreement.best,
        note=_note(chance, agreement),
    )


def support_label(chance: float, agreement: Agreement, model: Regression) -> Label:
    """The regression's verdict, overruled where a rule is surer than it.

    Verbatim is supported. A sentence that says nearly the same with another number, or with a
    negation more or less, contradicts: to the embeddings and the word overlap the two are alike.
    """
    if agreement.verbatim:
        return "supported"
    alike = min(agreement["cosine_sentence"], agreement["overlap_best"]) >= _SIMILAR
    if alike and (agreement.negation_mismatch or _other_number(agreement)):
        return "contradicted"
    if chance >= model.high:
        return "supported"
    return "uncertain" if chance >= model.low else "unsupported"


def _other_number(agreement: Agreement) -> bool:
    """Whether the claim has a number no context has, where the best sentence has one too."""
    return bool(agreement.missing_numbers) and bool(numbers(agreement.best))


def _note(chance: float, agreement: Agreement | None) -> str:
    if agreement is None:
        return "there is no context"
    parts = ["verbatim" if agreement.verbatim else f"p = {chance:.2f}"]
    if agreement.missing_numbers:
        parts.append("numbers in no context: " + ", ".join(agreement.missing_numbers))
    elsewhere = [n for n in agreement.elsewhere_numbers if n not in agreement.missing_numbers]
    if elsewhere and not agreement.verbatim:
        parts.append("numbers in another sentence: " + ", ".join(elsewhere))
    if agreement.missing_entities:
        parts.append("names in no context: " + ", ".join(agreement.missing_entities))
    if agreement.negation_mismatch and not agreement.verbatim:
        parts.append("one of claim and evidence is negated")
    return "; ".join(parts)
