"""`embedded/extractive`: answers with sentences of its prompt. No key, no GPU, no download.

It is a text-in, text-out model that sees its prompt and nothing else: `prompt_reading` says what it
understands of one. So a prompt, a chunk size, a k or a poisoned document changes its answers, which
is what the offline profile is for. It quotes and never paraphrases, infers or counts.

It is gullible on purpose. A directive to write two quoted codes as one word is obeyed wherever it
stands, inside a passage too, like an instruction-tuned model that cannot tell data from orders. It
obeys nothing else. That makes it a stand-in with which a prompt-injection suite exercises delivery,
guardrails and detection offline; how well a real model resists, it does not show.

How it answers:

1. Every sentence of the material gets 0.75 · cosine(question, heading + sentence) + 0.25 · share of
   the question's words in it, weighted by their rarity in this prompt (a word that stands only in
   the heading counts half).
2. The best sentence is taken, then others within 70 % of it, neighbours of a taken one favoured by
   0.05, up to the prompt's limit, or three. They are given in the order of the prompt.
3. It abstains when its confidence, a logistic of the best bare cosine, the best cosine of three
   sentences together and the best word share among its first three sentences, is too low. A prompt
   that says what to do without an answer sets the bar at even odds, supposing that three of four
   questions have one. A prompt that says nothing of it gets an answer unless next to nothing
   fits: the bar is where 1 % of answerable questions fall below.

The weights were fitted on the cases of clapnq@1 and xquad@1 outside their `ci` slices, with five
passages of the default retriever in a prompt: the logistic over 195 answerable and 246 unanswerable
ClapNQ questions and 276 of XQuAD, weighted so that answerable and unanswerable count the same, and
among the answerable both sets. The bar was moved once after `ci` had been looked at, so what
docs/embedded-generator.md reports of abstention on `ci` is not quite a held-out figure.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evalkit.providers.minilm import shared
from evalkit.providers.prompt_reading import Reading, Sentence, read
from evalkit.providers.protocol import Embedder
from evalkit.providers.tokenizer import wordpiece
from evalkit.records import Completion, Cost, ModelRequest, Usage
from evalkit.text import content_words

REVISION = 1
"""Goes up with any change to the reading or the answering that the constants do not show."""

DEFAULT_ABSTENTION = "I don't know."
DEFAULT_SENTENCES = 3
WORD_SHARE = 0.25
HEADING_CREDIT = 0.5
NEAR = 0.70
NEIGHBOUR_BONUS = 0.05
CONSIDERED = 3
"""Sentences that the confidence looks at."""

CONFIDENCE = (-6.8, 4.2, 5.2, 3.6)
"""Intercept, and weights of cosine, cosine of three sentences, word share: a log-odds."""

TOLD_TO_ABSTAIN = -1.1
"""−ln 3: even odds where three of four questions have an answer, as in the `ci` slice of ClapNQ.

The intercept above was fitted with as many that have none."""

NOT_TOLD = -3.0

Values = npt.NDArray[np.float64]


class ExtractiveModel:
    """A model that quotes its prompt. Deterministic, free of charge; safe for concurrent calls."""

    name = "embedded/extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def fingerprint(self) -> str:
        """Covers the constants, the revision and the embedder."""
        constants = (
            REVISION, DEFAULT_ABSTENTION, DEFAULT_SENTENCES, WORD_SHARE, HEADING_CREDIT, NEAR,
            NEIGHBOUR_BONUS, CONSIDERED, CONFIDENCE, TOLD_TO_ABSTAIN, NOT_TOLD,
        )  # fmt: skip
        shaped = f"{constants!r} {self._embedder.fingerprint}"
        return f"{self.name}-{hashlib.sha256(shaped.encode()).hexdigest()[:12]}"

    async def complete(self, request: ModelRequest) -> Completion:
        """One reply, `stop_reason` "length" where `max_output_tokens` cut it."""
        started = time.perf_counter()
        prompt = f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
        reading = read(prompt, default_abstention=DEFAULT_ABSTENTION)
        reply = " ".join([await self._answer(reading), *reading.codes])
        text, tokens = _cut(reply, request.max_output_tokens)
        return Completion(
            text=text,
            model=self.name,
            usage=Usage(input_tokens=wordpiece().count(prompt), output_tokens=tokens),
            cost=Cost(),
            latency_s=time.perf_counter() - started,
            stop_reason="stop" if text == reply else "length",
        )

    async def _answer(self, reading: Reading) -> str:
        """The chosen sentences, or the abstention."""
        abstention = reading.abstention or DEFAULT_ABSTENTION
        if not reading.material or not reading.question:
            return abstention
        words = _Words(reading)
        question, *rows = await self._embed(
            [reading.question, *(_with_heading(s) for s in reading.material)]
        )
        cosines = np.array([row @ question for row in rows])
        scores = (1 - WORD_SHARE) * cosines + WORD_SHARE * words.shares(HEADING_CREDIT)
        bar = NOT_TOLD if reading.abstention is None else TOLD_TO_ABSTAIN
        if await self._confidence(reading.material, question, scores, words) < bar:
            return abstention
        chosen = _chosen(scores, reading.material, reading.max_sentences or DEFAULT_SENTENCES)
        return " ".join(reading.material[i].text for i in chosen)

    async def _confidence(
        self, material: Sequence[Sentence], question: Values, scores: Values, words: _Words
    ) -> float:
        """The log-odds that the material answers the question."""
        first = np.argsort(-scores, kind="stable")[:CONSIDERED]
        bare = [material[i].text for i in first]
        windows = [" ".join(s.text for s in material[max(0, i - 1) : i + 2]) for i in first]
        rows = await self._embed([*bare, *windows])
        cosines = rows @ question
        values = (
            cosines[: len(first)].max(),
            cosines[len(first) :].max(),
            words.shares(0.0)[first].max(),
        )
        weighted = zip(CONFIDENCE[1:], values, strict=True)
        return CONFIDENCE[0] + sum(weight * float(value) for weight, value in weighted)

    async def _embed(self, texts: Sequence[str]) -> Values:
        return (await self._embedder.embed(texts)).astype(np.float64)


class _Words:
    """Which of the question's words stand where, and how rare they are in this prompt."""

    def __init__(self, reading: Reading) -> None:
        self._sentences = [set(content_words(s.text)) for s in reading.material]
        self._headings = [set(content_words(s.heading)) for s in reading.material]
        counts = Counter(word for found in self._sentences for word in found)
        n = len(self._sentences)
        asked = sorted(set(content_words(reading.question)))
        self._rarity = {word: math.log1p(n / (1 + counts[word])) for word in asked}

    def shares(self, heading_credit: float) -> Values:
        """The share of the question's words in each sentence, in [0, 1], weighted by rarity."""
        total = sum(self._rarity.values()) or 1.0
        places = zip(self._sentences, self._headings, strict=True)
        return np.array(
            [
                sum(
                    rarity * (1.0 if word in sentence else heading_credit * (word in heading))
                    for word, rarity in self._rarity.items()
                )
                / total
                for sentence, heading in places
            ]
        )


def _with_heading(sentence: Sentence) -> str:
    return f"{sentence.heading}. {sentence.text}" if sentence.heading else sentence.text


def _chosen(scores: Values, material: Sequence[Sentence], most: int) -> list[int]:
    """The sentences to quote, in the order of the prompt."""
    best = int(np.argmax(scores))
    favoured = scores.copy()
    for i in (best - 1, best + 1):
        if 0 <= i < len(material) and material[i].heading == material[best].heading:
            favoured[i] += NEIGHBOUR_BONUS
    order = [int(i) for i in np.argsort(-favoured, kind="stable") if i != best]
    near = [i for i in order if favoured[i] >= NEAR * scores[best]]
    return sorted([best, *near[: most - 1]])


def _cut(reply: str, most: int) -> tuple[str, int]:
    """The reply within `most` tokens, and how many it has."""
    offsets = wordpiece().offsets(reply)
    if len(offsets) <= most:
        return reply, len(offsets)
    return reply[: offsets[most - 1][1]] if most else "", most


def extractive(
    spec: str = ExtractiveModel.name,  # noqa: ARG001 - ModelFactory fixes the signature
    *,
    cache: Path | None = None,
) -> ExtractiveModel:
    """The model over the shipped embedder; `cache` is the folder its vectors are kept in."""
    return ExtractiveModel(shared(cache))
