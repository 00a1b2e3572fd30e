"""The five questions an LLM judge is asked: prompt, verdict words, JSON Schema, room to reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evalkit import scope
from evalkit.judges.wording import Wording
from evalkit.prompts import load_prompt, render
from evalkit.records import ModelRequest, Prompt

ROOT = Path(__file__).parent
"""Where `prompts/` and its lock travel in the package."""

BASE_TOKENS = 300
MAX_TOKENS = 16_384
"""Tokens of the largest reply asked for; four times that when a reply was cut short."""

Draw = Callable[[Mapping[str, Any], tuple[str, ...]], Wording]
Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One kind of call.

    `meanings` are what a verdict can say, each with a word of its own in the prompt (the variable
    `<meaning>_word`); `units` is the variable that holds what a verdict is given on; `schema` makes
    the reply's JSON Schema from those of an id and of a verdict; `unit_tokens` is the room one
    verdict takes, besides a token for every character that the reply may have to repeat.
    """

    ref: str
    meanings: tuple[str, ...]
    units: str
    schema: Callable[[Schema, Schema], Schema]
    unit_tokens: int

    @property
    def prompt(self) -> Prompt:
        """The released prompt. Raises `ConfigError` where the installed package was edited."""
        return _prompt(self.ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it goes out; `meanings` says what each of its words means."""

    request: ModelRequest
    meanings: Mapping[str, str]


def call(
    question: Question,
    data: Mapping[str, Any],
    *,
    draw: Draw,
    ids: Sequence[str],
    attempt: int,
    tokens: int,
    closed: bool,
) -> Call:
    """The call that asks `question` about `data`, for verdicts on `ids`.

    `closed` puts the ids and words into the schema, else it is the same for every call.
    """
    content = {
        "prompt": question.prompt.digest,
        "data": data,
        "repeat": scope.current().repeat,
        "attempt": attempt,
    }
    wording = draw(content, question.meanings)
    words = {f"{meaning}_word": word for meaning, word in wording.words.items()}
    order = list(wording.words)
    text = render(question.prompt, {"nonce": wording.nonce, "order": order, **words, **data})
    schema = _open_schema(question.ref)
    if closed:
        schema = question.schema(_one_of(ids), _one_of(list(wording.words.values())))
    return Call(
        request=ModelRequest(
            prompt=text, max_output_tokens=tokens, schema=schema, prompt_ref=question.ref
        ),
        meanings=wording.meanings,
    )


def room(question: Question, *, units: int, repeated: int = 0) -> int:
    """Tokens for a reply on so many units that repeats up to `repeated` characters of the data."""
    return min(MAX_TOKENS, BASE_TOKENS + question.unit_tokens * units + repeated)


@cache
def _prompt(ref: str) -> Prompt:
    return load_prompt(ROOT, ref)


@cache
def _open_schema(ref: str) -> Schema:
    """The schema that does not know a call's ids and words; the same object for every call."""
    (question,) = (question for question in QUESTIONS if question.ref == ref)
    return question.schema(_TEXT, _TEXT)


def _one_of(values: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(values)}


def _object(**properties: Schema) -> Schema:
    """As the strictest providers want it: nothing else allowed, nothing left out."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _verdicts(id_: Schema, word: Schema) -> Schema:
    entry = _object(id=id_, reason=_TEXT, context=_TEXT, quote=_TEXT, verdict=word)
    return _object(verdicts=_list(entry))


CLAIMS = Question(
    ref="judge_claims@1",
    meanings=("stating", "empty"),
    units="sentences",
    schema=lambda id_, word: _object(
        sentences=_list(_object(id=id_, kind=word, claims=_list(_TEXT)))
    ),
    unit_tokens=60,
)
SUPPORT = Question(
    ref="judge_support@1",
    meanings=("supported", "contradicted", "unsupported"),
    units="claims",
    schema=_verdicts,
    unit_tokens=200,
)
USEFULNESS = Question(
    ref="judge_usefulness@1",
    meanings=("useful", "not_useful"),
    units="contexts",
    schema=lambda id_, word: _object(
        verdicts=_list(_object(id=id_, reason=_TEXT, quote=_TEXT, verdict=word))
    ),
    unit_tokens=200,
)
ATTRIBUTION = Question(
    ref="judge_attribution@1",
    meanings=("attributed", "not_attributed"),
    units="sentences",
    schema=_verdicts,
    unit_tokens=200,
)
REVERSAL = Question(
    ref="judge_reversal@1",
    meanings=("committal", "noncommittal"),
    units="questions",
    schema=lambda id_, word: _object(commitment=word, questions=_list(_object(id=id_, text=_TEXT))),
    unit_tokens=80,
)
QUESTIONS = (CLAIMS, SUPPORT, USEFULNESS, ATTRIBUTION, REVERSAL)
