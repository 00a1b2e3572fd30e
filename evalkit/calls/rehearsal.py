"""A model that is not called: what it would have been asked is counted, and a reply made up.

An estimate runs the whole line on such models. Prompts are the real ones; a free reply is that of
the embedded generator, a structured one has an entry for everything asked about, made of the texts
in the prompt. The replies decide nothing: no score made with them is kept.

Tokens are counted with the shipped WordPiece, which no provider uses. On the 2,072 prompts and
replies of the four shipped suites it counts 97 % to 103 % of what OpenAI's cl100k_base and
o200k_base do, by suite, role and direction; but 117 % to 120 % in replies of JSON, because it
merges no punctuation: hence `JSON_SHARE`, and `SCHEMA_SHARE`. Measured with tiktoken 0.14.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from evalkit import codec, scope
from evalkit.calls.key import request_key
from evalkit.pricing import Price, cost_of
from evalkit.providers.protocol import Embedder, Model, Vectors
from evalkit.providers.tokenizer import wordpiece
from evalkit.records import Completion, Cost, ModelRequest, Usage
from evalkit.text import sentences

JSON_SHARE = 0.85
"""Tokens a provider counts in JSON, of those that WordPiece does; 0.79 to 0.87 by question."""
SCHEMA_SHARE = 0.67
"""As `JSON_SHARE`, for a JSON Schema, whose long words WordPiece does not know."""

TOKENS_BY_PROVIDER: Mapping[str, float] = {"anthropic": 4 / 3.5}
"""Tokens for each that OpenAI counts. Of English text Anthropic says that a token has about 3.5
characters, OpenAI about 4; neither tells more that could be computed without asking it."""

REASON_WORDS = 12
"""Words of one sentence of explanation."""
OTHER_WORDS = 12
"""Words of a text in a structured reply of which nothing else is known, such as a question."""
FREE_ITEMS = 3
"""Entries of a list of which neither the schema nor the prompt says how many it takes."""

_SHOWN = re.compile(r'^(\w[\w ]*?)(?: ([a-z]\d+))?: (".*")$', re.MULTILINE)
"""A text in the frame of a judge's prompt: `claim c1: "…"`, `answer: "…"`."""
_FILLER = "the passage says so"


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedModel:
    """In place of the remote model `name`, at `price`; `stand_in` writes what is free text.

    `asked` holds what it was asked already: the real one's reply would be found in the cache.
    """

    name: str
    fingerprint: str
    price: Price | None
    stand_in: Model
    asked: set[str] = field(default_factory=set, repr=False, compare=False)

    async def complete(self, request: ModelRequest) -> Completion:
        """A reply of the likely length; its calls, tokens and dollars are in the scope."""
        text = await self._reply(request)
        schema = json.dumps(_opened(request.schema)) if request.schema else ""
        count = wordpiece().count
        share = JSON_SHARE if request.schema else 1.0
        rate = TOKENS_BY_PROVIDER.get(self.name.partition("/")[0], 1.0)
        asked = count(f"{request.system}\n{request.prompt}") + SCHEMA_SHARE * count(schema)
        usage = Usage(
            input_tokens=round(rate * asked),
            output_tokens=min(round(rate * share * count(text)), request.max_output_tokens),
        )
        cost = cost_of(usage, self.price) if self.price else Cost()
        self._account(request, usage, cost)
        return Completion(text=text, model=self.name, usage=usage, cost=cost, latency_s=0.0)

    async def _reply(self, request: ModelRequest) -> str:
        if request.schema is None:
            return (await self.stand_in.complete(request)).text
        told = Told(request.prompt)
        return codec.canonical(_filled(request.schema, "", told, told.answer or "")).decode()

    def _account(self, request: ModelRequest, usage: Usage, cost: Cost) -> None:
        here = scope.current()
        here.calls += 1
        key = request_key(
            request, model=self.name, fingerprint=self.fingerprint, repeat=here.repeat
        )
        if key in self.asked:
            here.shared_calls += 1
            return
        self.asked.add(key)
        here.usage += usage
        here.cold_usd += cost.usd


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedEmbedder:
    """In place of the remote embedder `name`, at `price`; `stand_in` makes the vectors.

    Indexes are kept by their embedder's fingerprint, so this has one of its own.
    """

    name: str
    price: Price
    batch: int
    stand_in: Embedder

    @property
    def fingerprint(self) -> str:
        """The stand-in's: its vectors must never pass for the remote one's."""
        return f"rehearsed+{self.stand_in.fingerprint}"

    @property
    def dimensions(self) -> int:
        """Those of the stand-in."""
        return self.stand_in.dimensions

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """The stand-in's vectors; requests, tokens and dollars are in the scope."""
        count = wordpiece().count
        asked = dict.fromkeys(texts)
        usage = Usage(input_tokens=sum(count(text) for text in asked))
        here = scope.current()
        here.calls += -(-len(asked) // self.batch)
        here.usage += usage
        here.cold_usd += cost_of(usage, self.price).usd
        return await self.stand_in.embed(texts)


# ── replies ──────────────────────────────────────────────────────────────────────────────────────


class Told:
    """What a prompt shows: texts by their ids, an answer, passages."""

    def __init__(self, prompt: str) -> None:
        found = [(kind, unit, json.loads(text)) for kind, unit, text in _SHOWN.findall(prompt)]
        self.units: dict[str, str] = {unit: text for _, unit, text in found if unit}
        self.answer = next((text for kind, _, text in found if kind == "answer"), None)
        self._passages = [text for kind, _, text in found if kind == "passage"]

    @cached_property
    def quote(self) -> str:
        """A sentence of the passages, of middle length."""
        cut = sorted((one for text in self._passages for one in _cut(text)), key=len)
        return cut[len(cut) // 2] if cut else _words("", OTHER_WORDS)


@lru_cache(maxsize=4096)  # a passage stands in three prompts of its case, and often in other cases
def _cut(text: str) -> tuple[str, ...]:
    return tuple(span.text for span in sentences(text))


def _opened(schema: Any) -> Any:
    """The schema less what differs from call to call, which only a rehearsal writes into it."""
    if isinstance(schema, Mapping):
        return {key: _opened(value) for key, value in schema.items() if key != "enum"}
    return schema


def _filled(schema: Mapping[str, Any], key: str, told: Told, about: str, at: int = 0) -> Any:
    """A value that satisfies a schema, as long as a judge's would be, on the text `about`.

    `at` counts the entries before it: where an entry names no context, as a verdict on each of some
    passages does, every other one has nothing to quote.
    """
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            of = schema["properties"]
            bare = at % 2 == 1 and "context" not in of
            return {
                name: "" if bare and name == "quote" else _filled(kind, name, told, about)
                for name, kind in of.items()
            }
        case "array":
            return _items(schema["items"], told, about)
        case "string":
            return _text(key, told, about)
        case "boolean":
            return True
        case _:
            return 0


def _items(item: Mapping[str, Any], told: Told, about: str) -> list[Any]:
    """An entry an id that was asked about; of claims the sentence itself is one."""
    ids = item.get("properties", {}).get("id", {}).get("enum")
    if ids is not None:
        return [
            {**_filled(item, "", told, told.units.get(one, about), at), "id": one}
            for at, one in enumerate(ids)
        ]
    if item.get("type") == "string":
        return [about or _words("", OTHER_WORDS)]
    n = FREE_ITEMS if told.answer is None else len(_cut(told.answer))
    return [_filled(item, "", told, about) for _ in range(max(1, n))]


def _text(key: str, told: Told, about: str) -> str:
    match key:
        case "reason":
            return _words(f"What the passages say of it: {about}", REASON_WORDS)
        case "quote":
            return told.quote
        case "context" | "id":
            return "p1"
        case _:
            return _words(about, OTHER_WORDS)


def _words(text: str, n: int) -> str:
    """The first `n` words of a text, filled up where it has fewer."""
    found = text.split()[:n]
    while len(found) < n:
        found += _FILLER.split()
    return " ".join(found[:n])
