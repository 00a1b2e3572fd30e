"""Anthropic's Messages protocol: a request as its body, and what comes back as a `Reply`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from evalkit.errors import BadReply
from evalkit.providers import wire
from evalkit.providers.chat_completions import with_schema
from evalkit.records import ModelRequest, Usage

PATH = "/v1/messages"
TOOL = "reply"
OURS = ("messages", "max_tokens", "system", "output_config", "tools", "tool_choice", "stream")
"""Fields that a profile cannot set: each request says them, or a reply to them cannot be read."""

Structured = Literal["json_schema", "tool", "none"]

_STOP_REASONS: Mapping[str, wire.StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_REASONING = ("thinking", "redacted_thinking")


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


def body(
    request: ModelRequest, fixed: Mapping[str, Any], *, structured: Structured, cache_prompt: bool
) -> dict[str, Any]:
    """What is posted. `fixed` is what every request of a model says alike."""
    asked: dict[str, Any] = {**fixed, "max_tokens": request.max_output_tokens}
    system = request.system
    if request.schema is not None:
        if structured == "json_schema":
            form = {"type": "json_schema", "schema": request.schema}
            asked["output_config"] = {**fixed.get("output_config", {}), "format": form}
        elif structured == "tool":
            what = "The reply."
            asked["tools"] = [{"name": TOOL, "description": what, "input_schema": request.schema}]
            asked["tool_choice"] = {"type": "tool", "name": TOOL}
        else:
            system = with_schema(system, request.schema)
    if system and cache_prompt:
        asked["system"] = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
    elif system:
        asked["system"] = system
    asked["messages"] = [{"role": "user", "content": request.prompt}]
    return asked


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the replies of one model are read; `accepted` are other names it may reply under."""

    model: str
    accepted: Sequence[str] = ()

    def reply(self, message: Mapping[str, Any], request: ModelRequest) -> wire.Reply:
        """A message, whole or put together. Raises `BadReply` for what is not one answer."""
        if message.get("type") != "message" or message.get("role") != "assistant":
            raise BadReply("the reply is not a message of the assistant")
        wire.check_model(self.model, message.get("model"), self.accepted)
        blocks = [wire.mapping(b, "a block") for b in wire.rows(message.get("content"), "content")]
        called = any(block.get("type") == "tool_use" for block in blocks)
        said = _tool_input(blocks, request) if called else _said(blocks)
        stop_reason = _stop_reason(message.get("stop_reason"), called=called)
        if said is None and stop_reason == "stop":
            raise BadReply("the reply has no text")
        return wire.Reply(
            text=said or "",
            stop_reason=stop_reason,
            usage=_usage(message.get("usage"), request, said or ""),
        )


def _said(blocks: Sequence[Mapping[str, Any]]) -> str | None:
    """The text of the reply, without its thinking; None where no block has any."""
    said = []
    for block in blocks:
        if block.get("type") == "text":
            said.append(wire.text(block.get("text"), "the text of a block"))
        elif block.get("type") not in _REASONING:
            raise BadReply("a block of the reply is neither text nor thinking")
    return wire.without_reasoning("".join(said)) if said else None


def _tool_input(blocks: Sequence[Mapping[str, Any]], request: ModelRequest) -> str:
    """The arguments of the one call we forced, as JSON text: the object that was asked for."""
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    if request.schema is None or len(calls) != 1 or calls[0].get("name") != TOOL:
        raise BadReply("the reply calls a tool that was not asked for")
    found = wire.mapping(calls[0].get("input"), "the arguments of the tool")
    return wire.text(json.dumps(found, ensure_ascii=False), "the arguments of the tool")


def _stop_reason(reason: object, *, called: bool) -> wire.StopReason:
    if called and reason == "tool_use":
        return "stop"
    found = _STOP_REASONS.get(reason) if isinstance(reason, str) else None
    if found is None:
        shown = reason if reason in ("tool_use", "pause_turn") else "an unknown stop_reason"
        raise BadReply(f"the reply ended with {shown if reason else 'no stop_reason'}")
    return found


def _usage(found: object, request: ModelRequest, said: str) -> Usage | None:
    """`input_tokens` of the API leaves out what the prompt cache took part in; ours has all."""
    if not isinstance(found, dict):
        return None
    tokens = wire.counts(
        found, "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
        "output_tokens",
    )  # fmt: skip
    if tokens is None:
        return None
    fresh, read, written, output = tokens
    usage = Usage(
        input_tokens=fresh + read + written,
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
    )
    return wire.plausible(usage, request, said)


# ── streaming ────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Gathered:
    """The events of a stream, put together to the message that would have come whole."""

    message: dict[str, Any] | None = None
    blocks: dict[int, dict[str, Any]] = field(default_factory=dict)
    parts: dict[int, list[str]] = field(default_factory=dict)
    ended: bool = False

    def add(self, event: object) -> None:
        """Raises `BadReply` for what is no event, or comes before the message it is about."""
        found = wire.mapping(event, "an event")
        kind = found.get("type")
        if kind == "message_start":
            self.message = dict(wire.mapping(found.get("message"), "the message"))
        elif self.message is None:
            raise BadReply("the stream does not begin with a message")
        elif kind == "content_block_start":
            block = wire.mapping(found.get("content_block"), "a block")
            self.blocks[self._index(found)] = dict(block)
        elif kind == "content_block_delta":
            self._add_delta(self._index(found), wire.mapping(found.get("delta"), "a delta"))
        elif kind == "message_delta":
            self.message |= wire.mapping(found.get("delta"), "a delta")
            last = wire.mapping(found.get("usage") or {}, "usage")
            first = wire.mapping(self.message.get("usage") or {}, "usage")
            counts = {key: count for key, count in last.items() if count is not None}
            self.message["usage"] = {**first, **counts}
        elif kind == "message_stop":
            self.ended = True

    def _index(self, event: Mapping[str, Any]) -> int:
        index = event.get("index")
        if type(index) is not int:
            raise BadReply("an event of a block does not say of which")
        return index

    def _add_delta(self, index: int, delta: Mapping[str, Any]) -> None:
        if index not in self.blocks:
            raise BadReply("the stream goes on with a block that was not begun")
        for kind, key in (("text_delta", "text"), ("input_json_delta", "partial_json")):
            if delta.get("type") == kind:
                said = wire.text(delta.get(key), "the text of a delta")
                self.parts.setdefault(index, []).append(said)

    def whole(self) -> dict[str, Any]:
        """The message. Raises `BadReply` where the stream ended before it did."""
        if self.message is None or not self.ended:
            raise BadReply("the stream ended before the reply did")
        for index, block in self.blocks.items():
            said = "".join(self.parts.get(index, ()))
            if block.get("type") == "text":
                block["text"] = f"{block.get('text') or ''}{said}"
            elif block.get("type") == "tool_use":
                block["input"] = wire.parsed(said.encode())
        return {**self.message, "content": [self.blocks[at] for at in sorted(self.blocks)]}
