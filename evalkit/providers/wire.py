"""What a reply must be, whatever protocol it came in, and what it comes down to.

A provider's reply is untrusted data. What its protocol does not promise is a `BadReply`, never an
answer: a gateway's HTML page, half an object, another model's words, text that no file can hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from evalkit.errors import BadReply
from evalkit.records import Completion, Cost, ModelRequest, Usage

StopReason = Literal["stop", "length", "refusal"]

UNASKED_TOKENS = 100_000
"""Tokens that an endpoint may add of its own: templates, hidden instructions, reasoning. Counts
above what was asked and this are taken for nonsense, and the reply for one without counts."""

ANY_MODEL = "*"
_DATED = re.compile(r"[-@](\d{4}|\d{8}|\d{4}-\d{2}-\d{2})|:latest")
_REASONING = re.compile(r"\s*<(think|thinking|reasoning)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a chat completion and a message come down to. `usage` is None where it is unusable."""

    text: str
    stop_reason: StopReason
    usage: Usage | None

    def completion(self, request: ModelRequest, *, name: str, latency_s: float) -> Completion:
        """The record of it, unpriced."""
        return Completion(
            text=self.text,
            model=name,
            usage=worst_case(request) if self.usage is None else self.usage,
            cost=Cost(),
            latency_s=latency_s,
            stop_reason=self.stop_reason,
            usage_known=self.usage is not None,
        )


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────


def parsed(data: bytes) -> dict[str, Any]:
    """The JSON object that is the whole reply.

    Raises `BadReply` for bytes that are not UTF-8, for what is not JSON or not an object, for a key
    given twice (parsers differ in which one they believe), and for NaN and infinities.
    """
    if not data.strip():
        raise BadReply("the reply is empty")
    try:
        found = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_constant
        )
    except UnicodeDecodeError:
        raise BadReply("the reply is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        kind = "HTML" if data.lstrip()[:1] == b"<" else "something else, or cut short"
        detail = str(error) if isinstance(error, _Repeated) else f"not JSON but {kind}"
        raise BadReply(f"the reply is {detail}") from None
    return mapping(found, "the reply")


class _Repeated(ValueError):
    """JSON that says two things under one name."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Repeated("JSON with a key given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Repeated(f"JSON with {name}, which is no number")


def mapping(value: object, what: str) -> dict[str, Any]:
    """The value if it is an object. Raises `BadReply` otherwise, as the next two do."""
    if not isinstance(value, dict):
        raise BadReply(f"{what} is no object but {_kind(value)}")
    return value


def rows(value: object, what: str) -> list[Any]:
    """The value if it is a list."""
    if not isinstance(value, list):
        raise BadReply(f"{what} is no list but {_kind(value)}")
    return value


def text(value: object, what: str) -> str:
    """The value if it is text that can be written to a file: no half of a surrogate pair."""
    if not isinstance(value, str):
        raise BadReply(f"{what} is no text but {_kind(value)}")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadReply(f"{what} holds half a character") from None
    return value


def _kind(value: object) -> str:
    # Never the value itself: it may hold what must not reach a message.
    return "nothing" if value is None else type(value).__name__


# ── the model, its reasoning, its tokens ─────────────────────────────────────────────────────────


def check_model(asked: str, replied: object, accepted: Sequence[str]) -> None:
    """Raise `BadReply` unless the reply is from the model asked, or from a dated snapshot of it.

    `accepted` are other names that the endpoint may go by; `*` takes any, and none at all.
    """
    if ANY_MODEL in accepted:
        return
    name = text(replied, "the model of the reply")
    if name == asked or name in accepted:
        return
    undated = asked.removesuffix("-latest")
    if name.startswith(undated) and _DATED.fullmatch(name, len(undated)):
        return
    shown = "".join(c for c in name if c.isprintable())[:80]
    raise BadReply(
        f"asked {asked}, but {shown!r} replied; accept_models lists the names that are the same"
    )


def without_reasoning(text: str, *, opened: bool = False) -> str:
    """The text less the reasoning that it begins with, between `<think>` and `</think>`.

    `opened`: the model's template writes the opening tag, so that the reply starts inside it.
    Reasoning without an end is all there is. Tags further on are part of the answer: what an answer
    says must not be hidden from those who judge it.
    """
    if opened and not _REASONING.match(text):
        text = f"<think>{text}"
    while tag := _REASONING.match(text):
        _, closed, text = text.partition(f"</{tag[1]}>")
        if not closed:
            return ""
        text = text.lstrip()
    return text


def counts(table: Mapping[str, Any], *keys: str) -> list[int] | None:
    """Token counts under the keys; 0 where one is left out or null. None if one is no count."""
    found = [table.get(key) or 0 for key in keys]
    if any(type(count) is not int or count < 0 for count in found):
        return None
    return found


def plausible(usage: Usage, request: ModelRequest, text: str) -> Usage | None:
    """The usage, or None where it cannot be: none for what was said, or far more than was asked."""
    # A token is a byte at least, so that 4 a character is the most a tokenizer can make of them.
    most_input = 4 * (len(request.prompt) + len(request.system)) + UNASKED_TOKENS
    most_output = request.max_output_tokens + UNASKED_TOKENS
    if not 0 < usage.input_tokens <= most_input or usage.output_tokens > most_output:
        return None
    return None if text and not usage.output_tokens else usage


def worst_case(request: ModelRequest) -> Usage:
    """What a request without usable counts is billed: 4 bytes a token, and all the output."""
    asked = len(f"{request.system}{request.prompt}".encode("utf-8", "replace"))
    return Usage(input_tokens=asked // 4 + 1, output_tokens=request.max_output_tokens)
