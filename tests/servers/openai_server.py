"""A local server that speaks OpenAI's protocol: chat completions, embeddings, models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.local_server import LocalServer, Seen, Served, as_json

Reply = Callable[[Mapping[str, Any]], "str | Mapping[str, Any]"]
"""From a chat body: the text of the reply, or a message with `content` and whatever else."""

WIDTH = 8


def last_words(body: Mapping[str, Any]) -> str:
    """A reply that depends on the prompt, and on nothing else."""
    return f"You said: {body['messages'][-1]['content'][-40:]}"


class OpenAIServer(LocalServer):
    """`reply(body)` gives what the model says; `base_url` ends in /v1.

        with OpenAIServer(lambda body: "Paris.") as server: …

    Token counts are characters / 4, the `cached` first of them read from a cache. A body with
    `stream` is answered in pieces of two words.
    """

    def __init__(
        self, reply: Reply = last_words, *, cached: int = 0, model: str = "", **how: Any
    ) -> None:
        super().__init__(self._served, **how)
        self._reply = reply
        self._cached = cached
        self._model = model

    @property
    def base_url(self) -> str:
        return f"{super().base_url}/v1"

    def _served(self, seen: Seen) -> Served:
        if seen.path.endswith("/models"):
            return as_json({"object": "list", "data": [{"id": "served", "object": "model"}]})
        if seen.path.endswith("/embeddings"):
            return as_json(embeddings(seen.body))
        if not seen.path.endswith("/chat/completions"):
            return as_json({"error": {"message": f"no such path {seen.path}"}}, status=404)
        whole = self.completion(seen.body)
        return streamed(whole) if seen.body.get("stream") else as_json(whole)

    def completion(self, body: Mapping[str, Any]) -> dict[str, Any]:
        said = self._reply(body)
        message = {"content": said} if isinstance(said, str) else dict(said)
        asked = sum(len(m["content"]) for m in body["messages"]) // 4 + 1
        spoken = len(str(message.get("content") or "")) // 4 + 1
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": self._model or body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "refusal": None, **message},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": spoken,
                "total_tokens": asked + spoken,
                "prompt_tokens_details": {"cached_tokens": min(self._cached, asked)},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        }


def streamed(whole: Mapping[str, Any]) -> Served:
    """The completion as the events of a stream: a role, pieces of text, an end, usage, [DONE]."""
    message = whole["choices"][0]["message"]
    words = str(message.get("content") or "").split(" ")
    pieces = [" ".join(words[at : at + 2]) for at in range(0, len(words), 2)]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": f"{' ' if at else ''}{piece}"} for at, piece in enumerate(pieces)]
    if message.get("reasoning_content"):
        deltas.insert(1, {"reasoning_content": message["reasoning_content"]})
    chunks = [_chunk(whole, delta, None) for delta in deltas]
    chunks.append(_chunk(whole, {}, whole["choices"][0]["finish_reason"]))
    chunks.append({**_chunk(whole, {}, None), "choices": [], "usage": whole["usage"]})
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    body = "".join([*events, "data: [DONE]\n\n"]).encode()
    return Served(body=body, content_type="text/event-stream", pieces=5)


def _chunk(whole: Mapping[str, Any], delta: Any, finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {key: whole[key] for key in ("id", "created", "model")}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Vectors that depend on the text alone; as base64 where that is asked."""
    import base64
    import struct

    rows = []
    width = body.get("dimensions", WIDTH)
    for at, text in enumerate(body["input"]):
        digest = hashlib.sha256(text.encode()).digest()
        vector = [1.0 + digest[i % 32] / 64 for i in range(width)]
        packed = base64.b64encode(struct.pack(f"<{width}f", *vector)).decode()
        encoded = packed if body.get("encoding_format") == "base64" else vector
        rows.append({"object": "embedding", "index": at, "embedding": encoded})
    tokens = sum(len(text) // 4 + 1 for text in body["input"])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": body["model"], "data": rows, "usage": usage}
