"""A local server that speaks Anthropic's Messages protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.local_server import LocalServer, Seen, Served, as_json
from tests.servers.openai_server import last_words

Reply = Callable[[Mapping[str, Any]], "str | list[Mapping[str, Any]]"]
"""From the body: the text of the reply, or the blocks of its content."""


class AnthropicServer(LocalServer):
    """`reply(body)` gives what the model says.

    Token counts are characters / 4; `read` and `written` tokens of the cache come on top, as the
    API counts them. A body with `stream` is answered in pieces of two words.
    """

    def __init__(
        self, reply: Reply = last_words, *, read: int = 0, written: int = 0, **how: Any
    ) -> None:
        super().__init__(self._served, **how)
        self._reply = reply
        self._read = read
        self._written = written

    def _served(self, seen: Seen) -> Served:
        if not seen.path.endswith("/v1/messages"):
            error = {"type": "not_found_error", "message": f"no such path {seen.path}"}
            return as_json({"type": "error", "error": error}, status=404)
        whole = self.message(seen.body)
        return streamed(whole) if seen.body.get("stream") else as_json(whole)

    def message(self, body: Mapping[str, Any]) -> dict[str, Any]:
        said = self._reply(body)
        blocks = [{"type": "text", "text": said}] if isinstance(said, str) else list(said)
        called = any(block["type"] == "tool_use" for block in blocks)
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": blocks,
            "stop_reason": "tool_use" if called else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": sum(len(str(m["content"])) for m in body["messages"]) // 4 + 1,
                "cache_read_input_tokens": self._read,
                "cache_creation_input_tokens": self._written,
                "output_tokens": len(json.dumps(blocks)) // 4 + 1,
            },
        }


def streamed(whole: Mapping[str, Any]) -> Served:
    """The message as the events of a stream, from message_start to message_stop."""
    usage = {**whole["usage"], "output_tokens": 1}
    start = {**whole, "content": [], "stop_reason": None, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        at = {"index": index}
        empty, deltas = _pieces(block)
        events.append({"type": "content_block_start", **at, "content_block": empty})
        events += [{"type": "content_block_delta", **at, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", **at})
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    last = {"output_tokens": whole["usage"].get("output_tokens")}
    events.append({"type": "message_delta", "delta": delta, "usage": last})
    events.append({"type": "message_stop"})
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Served(body=text.encode(), content_type="text/event-stream", pieces=5)


def _pieces(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block without its text, and the text as deltas."""
    if block["type"] == "thinking":
        said = {"type": "thinking_delta", "thinking": block["thinking"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [said]
    if block["type"] == "tool_use":
        said = json.dumps(block["input"])
        half = len(said) // 2
        parts = (said[:half], said[half:])
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": part} for part in parts
        ]
    words = block["text"].split(" ")
    parts = tuple(" ".join(words[at : at + 2]) for at in range(0, len(words), 2))
    return {"type": "text", "text": ""}, [
        {"type": "text_delta", "text": f"{' ' if at else ''}{part}"}
        for at, part in enumerate(parts)
    ]
