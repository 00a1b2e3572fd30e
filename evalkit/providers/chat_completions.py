"""The chat-completions protocol: a request as its body, and what comes back as a `Reply`.

Spoken by OpenAI and by most servers and gateways, each with departures of its own; what is read
here is what they have in common, and nothing that only one of them promises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from evalkit.errors import BadReply
from evalkit.providers import wire
from evalkit.records import ModelRequest, Usage

PATH = "/chat/completions"
OURS = ("messages", "response_format", "max_tokens", "max_completion_tokens", "n", "tools")
"""Fields that a profile cannot set: each request says them, or a reply to them cannot be read."""

Structured = Literal["json_schema", "json_object", "none"]

_STOP_REASONS: Mapping[str, wire.StopReason] = {
    "stop": "stop",
    "eos_token": "stop",  # TGI's word for it
    "length": "length",
    "content_filter": "refusal",
}


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


def body(
    request: ModelRequest, fixed: Mapping[str, Any], *, output_limit: str, structured: Structured
) -> dict[str, Any]:
    """What is posted. `fixed` is what every request of a model says alike."""
    system = request.system
    asked: dict[str, Any] = {**fixed, output_limit: request.max_output_tokens}
    if request.schema is not None:
        if structured == "json_schema":
            schema = {"name": "reply", "strict": True, "schema": request.schema}
            asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        else:
            system = with_schema(system, request.schema)
            if structured == "json_object":
                asked["response_format"] = {"type": "json_object"}
    asked["messages"] = [{"role": "user", "content": request.prompt}]
    if system:
        asked["messages"].insert(0, {"role": "system", "content": system})
    return asked


def with_schema(system: str, schema: Mapping[str, Any]) -> str:
    """The system text that asks for a schema in words, where a server has no other means."""
    asked = (
        "Reply with one JSON object and nothing else. It must satisfy this JSON Schema:\n"
        + json.dumps(schema, ensure_ascii=False, sort_keys=True)
    )
    return f"{system}\n\n{asked}" if system else asked


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the replies of one model are read.

    `accepted` are other names that the endpoint may reply under; `opened_reasoning` says that the
    text begins inside the model's reasoning (`wire.without_reasoning`).
    """

    model: str
    accepted: Sequence[str] = ()
    opened_reasoning: bool = False

    def reply(self, completion: Mapping[str, Any], request: ModelRequest) -> wire.Reply:
        """A completion, whole or put together. Raises `BadReply` for what is not one answer."""
        wire.check_model(self.model, completion.get("model"), self.accepted)
        choices = wire.rows(completion.get("choices"), "choices")
        if len(choices) != 1:
            raise BadReply(f"the reply has {len(choices)} choices, not one")
        choice = wire.mapping(choices[0], "the choice")
        message = wire.mapping(choice.get("message"), "the message")
        stop_reason = _stop_reason(choice.get("finish_reason"))
        refusal = message.get("refusal")
        if refusal:
            said, stop_reason = wire.text(refusal, "the refusal"), "refusal"
        else:
            said = self._said(message.get("content"), stop_reason)
        return wire.Reply(
            text=said,
            stop_reason=stop_reason,
            usage=_usage(completion.get("usage"), request, said),
        )

    def _said(self, content: object, stop_reason: wire.StopReason) -> str:
        if content is None and stop_reason != "stop":
            return ""  # nothing was said before the limit or the filter
        if isinstance(content, list):
            content = _joined(content)
        said = wire.text(content, "the content")
        return wire.without_reasoning(said, opened=self.opened_reasoning)


def _stop_reason(reason: object) -> wire.StopReason:
    found = _STOP_REASONS.get(reason) if isinstance(reason, str) else None
    if found is None:
        shown = reason if reason in ("tool_calls", "function_call") else "an unknown reason"
        raise BadReply(f"the reply ended with {shown if reason else 'no finish_reason'}")
    return found


def _joined(parts: Sequence[object]) -> str:
    """The text of content in parts, as Mistral's reasoning models send it; thinking is dropped."""
    said = []
    for part in (wire.mapping(part, "a part of the content") for part in parts):
        if part.get("type") == "text":
            said.append(wire.text(part.get("text"), "a part of the content"))
        elif part.get("type") not in ("thinking", "reasoning"):
            raise BadReply("a part of the content is neither text nor reasoning")
    return "".join(said)


def _usage(found: object, request: ModelRequest, said: str) -> Usage | None:
    """Completion tokens include those of reasoning. None where the counts cannot be used."""
    if not isinstance(found, dict):
        return None
    tokens = wire.counts(found, "prompt_tokens", "completion_tokens")
    details = found.get("prompt_tokens_details") or {}
    cached = wire.counts(details, "cached_tokens") if isinstance(details, dict) else None
    if tokens is None or cached is None or cached[0] > tokens[0]:
        return None
    usage = Usage(input_tokens=tokens[0], cached_input_tokens=cached[0], output_tokens=tokens[1])
    return wire.plausible(usage, request, said)


# ── streaming ────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Gathered:
    """The chunks of a stream, put together to the completion that would have come whole."""

    model: str | None = None
    content: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    finish_reason: object = None
    usage: object = None

    def add(self, chunk: object) -> None:
        """Raises `BadReply` for what is no chunk."""
        found = wire.mapping(chunk, "a chunk")
        if self.model is None and found.get("model"):
            self.model = wire.text(found["model"], "the model of a chunk")
        self.usage = found.get("usage") or self.usage
        for choice in wire.rows(found.get("choices") or [], "choices"):
            self._add_choice(wire.mapping(choice, "the choice of a chunk"))

    def _add_choice(self, choice: Mapping[str, Any]) -> None:
        if choice.get("index", 0) != 0:
            raise BadReply("the stream has more than one choice")
        delta = wire.mapping(choice.get("delta"), "the delta of a chunk")
        for name, parts in (("content", self.content), ("refusal", self.refusal)):
            said = delta.get(name)
            if isinstance(said, list):
                said = _joined(said)
            if said is not None:
                parts.append(wire.text(said, f"the {name} of a chunk"))
        self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def completion(self) -> dict[str, Any]:
        """The whole. Raises `BadReply` where the stream ended before the reply did."""
        if self.finish_reason is None:
            raise BadReply("the stream ended before the reply did")
        # Empty text is an answer, no text at all is none.
        content = "".join(self.content) if self.content else None
        message = {"content": content, "refusal": "".join(self.refusal)}
        choice = {"message": message, "finish_reason": self.finish_reason}
        return {"model": self.model, "choices": [choice], "usage": self.usage}
