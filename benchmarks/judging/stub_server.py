"""A judge that costs nothing: a local server with OpenAI's protocol and a fixed latency.

    python stub_server.py --port 8900 --latency-ms 50

Every harness gets replies that satisfy it, made from whatever it sends: evalkit's judge prompts are
answered by their ids and words, a JSON Schema (in `response_format`, a tool, or the prompt's text,
as RAGAS writes it) is filled, DeepEval's prompts are known by their keywords. What the replies say
means nothing. Only the standard library, so that it takes as little as possible of the machine.
GET /stats tells what was asked, POST /reset forgets it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import time
from typing import Any

ITEMS = 3
"""Entries of a list whose length nothing says."""

_UNIT = re.compile(r"^(claim|sentence|passage) (\w\d+): ", re.MULTILINE)
_WORD = re.compile(r"^\s*- (\w+): ", re.MULTILINE)
_COMMITS = re.compile(r"^\s*- (\w+): the answer states", re.MULTILINE)
_STATES = re.compile(r"^\s*- (\w+): it states something", re.MULTILINE)
_VECTOR = [0.35355339] * 8


class Stats(dict[str, Any]):
    """Counters since the last reset."""

    def reset(self) -> None:
        self.clear()
        self.update(
            calls=0, chat=0, embeddings=0, connections=0, in_flight=0, most_in_flight=0,
            input_characters=0, output_characters=0, cpu_s=cpu_s(),
        )  # fmt: skip


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# ── what it says ─────────────────────────────────────────────────────────────────────────────────


def evalkit_reply(prompt: str) -> dict[str, Any]:
    """An entry for every unit asked about; the first verdict word, whatever it means."""
    word = _WORD.search(prompt)
    said = word[1] if word else ""
    units = _UNIT.findall(prompt)
    if '"commitment"' in prompt:
        commits = _COMMITS.search(prompt)
        questions = [{"id": f"q{i}", "text": f"What is asked, {i}?"} for i in (1, 2, 3)]
        return {"commitment": commits[1] if commits else said, "questions": questions}
    kinds = {kind for kind, _ in units}
    if '"sentences": [{"id"' in prompt:
        states = _STATES.search(prompt)
        claims = ["The statement about it holds."]
        return {
            "sentences": [
                {"id": unit, "kind": states[1] if states else said, "claims": claims}
                for kind, unit in units
                if kind == "sentence"
            ]
        }
    asked = "claim" if "claim" in kinds else "sentence" if "sentence" in kinds else "passage"
    context = {} if asked == "passage" else {"context": "p1"}
    return {
        "verdicts": [
            {"id": unit, "reason": "The statement about reason holds.", **context,
             "quote": "refunds are accepted within", "verdict": said}
            for kind, unit in units
            if kind == asked
        ]
    }  # fmt: skip


def filled(schema: dict[str, Any], root: dict[str, Any], name: str = "") -> Any:
    """A value that satisfies a JSON Schema."""
    if "$ref" in schema:
        node: Any = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            node = node[part]
        return filled(node, root, name)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return filled(next(o for o in schema[key] if o.get("type") != "null"), root, name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {key: filled(of, root, key) for key, of in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema.get("items", {"type": "string"}), root, name) for _ in range(ITEMS)]
    if kind in ("integer", "number"):
        return 0 if name == "noncommittal" else 1
    if kind == "boolean":
        return True
    return "yes" if name == "verdict" else f"The statement about {name or 'it'} holds."


_known: dict[str, dict[str, Any]] = {}


def embedded_schema(text: str) -> dict[str, Any] | None:
    """The JSON Schema in a prompt's text (RAGAS), looked for once a kind of prompt."""
    key = text[:400] + str(len(text) // 4000)
    if key not in _known:
        _known[key] = _search(text)
    return _known[key] or None


def _search(text: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    found: dict[str, Any] = {}
    at = text.rfind("{", 0, max(0, text.find('"properties"')))
    for _ in range(80):
        if at < 0:
            break
        try:
            value, _ = decoder.raw_decode(text, at)
        except ValueError:
            value = None
        if isinstance(value, dict) and "properties" in value:
            found = value  # the outermost that still decodes
        at = text.rfind("{", 0, at)
    return found


def by_keyword(text: str) -> str:
    """DeepEval's prompts name the key they want."""
    low = text.lower()
    three = ["one.", "two.", "three."][:ITEMS]
    verdicts = [{"verdict": "yes", "reason": "supported"}] * ITEMS
    wanted = {"verdicts": verdicts, "statements": three, "claims": three, "truths": three}
    for key, value in wanted.items():
        if f"'{key}'" in low or f'"{key}"' in low or f"`{key}`" in low:
            return json.dumps({key: value})
    if "'reason'" in low or '"reason"' in low:
        return json.dumps({"reason": "because it is supported."})
    return "The answer is correct.\n\nGRADE: C"


def said(request: dict[str, Any]) -> tuple[str | None, tuple[str, str] | None]:
    """The reply's text, or the name and arguments of a tool call."""
    text = "\n".join(str(message.get("content")) for message in request.get("messages", []))
    wanted = request.get("response_format") or {}
    if "\nBEGIN " in text and "\nEND " in text:
        return json.dumps(evalkit_reply(text)), None
    if wanted.get("type") == "json_schema":
        schema = wanted["json_schema"]["schema"]
        return json.dumps(filled(schema, schema)), None
    if request.get("tools"):
        function = request["tools"][0]["function"]
        arguments = filled(function["parameters"], function["parameters"])
        return None, (function["name"], json.dumps(arguments))
    schema = embedded_schema(text)
    return (json.dumps(filled(schema, schema)) if schema else by_keyword(text)), None


# ── how it is served ─────────────────────────────────────────────────────────────────────────────


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as clients need."""

    stats: Stats
    latency_s: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.stats["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin1")
            found = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            size = int(found[1]) if found else 0
            if len(self.buffer) < end + 4 + size:
                return
            body = self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            self.handle(*head.split(" ", 2)[:2], body)

    def handle(self, method: str, path: str, body: bytes) -> None:
        if path == "/stats":
            return self.send({**self.stats, "cpu_s": cpu_s() - self.stats["cpu_s"]})
        if path == "/reset":
            self.stats.reset()
            return self.send({})
        if method == "GET":
            return self.send({"object": "list", "data": [{"id": "stub", "object": "model"}]})
        stats = self.stats
        stats["calls"] += 1
        stats["in_flight"] += 1
        stats["most_in_flight"] = max(stats["most_in_flight"], stats["in_flight"])
        stats["input_characters"] += len(body)
        reply = self.embedded(body) if path.endswith("/embeddings") else self.chat(body)
        asyncio.get_running_loop().call_later(self.latency_s, self.finish, reply)
        return None

    def finish(self, reply: dict[str, Any]) -> None:
        self.stats["in_flight"] -= 1
        self.send(reply)

    def chat(self, body: bytes) -> dict[str, Any]:
        request = json.loads(body)
        self.stats["chat"] += 1
        content, tool = said(request)
        asked, spoken = len(body) // 4, len(content or (tool or ("", ""))[1]) // 4 + 1
        self.stats["output_characters"] += 4 * spoken
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if tool:
            function = {"name": tool[0], "arguments": tool[1]}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        choices = [
            {"index": i, "message": message, "finish_reason": "tool_calls" if tool else "stop"}
            for i in range(request.get("n") or 1)
        ]
        usage = {"prompt_tokens": asked, "completion_tokens": spoken,
                 "total_tokens": asked + spoken}  # fmt: skip
        return {
            "id": "chatcmpl-stub", "object": "chat.completion", "created": 1_700_000_000,
            "model": request.get("model", "stub"), "choices": choices, "usage": usage,
        }  # fmt: skip

    def embedded(self, body: bytes) -> dict[str, Any]:
        import base64  # noqa: PLC0415 - only some harnesses embed
        import struct  # noqa: PLC0415 - as above

        request = json.loads(body)
        self.stats["embeddings"] += 1
        given = request["input"]
        n = 1 if isinstance(given, str) or (given and isinstance(given[0], int)) else len(given)
        vector: Any = _VECTOR
        if request.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<8f", *_VECTOR)).decode()
        rows = [{"object": "embedding", "index": i, "embedding": vector} for i in range(n)]
        usage = {"prompt_tokens": 8 * n, "total_tokens": 8 * n}
        return {"object": "list", "model": request.get("model"), "data": rows, "usage": usage}

    def send(self, value: object) -> None:
        if not self.transport.is_closing():
            body = json.dumps(value).encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
            self.transport.write(head + b"%d\r\n\r\n" % len(body) + body)


async def serve(port: int, latency_s: float) -> None:
    Connection.stats, Connection.latency_s = Stats(), latency_s
    Connection.stats.reset()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=4096)
    print("ready on", server.sockets[0].getsockname()[1], time.strftime("%H:%M:%S"), flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--latency-ms", type=float, default=50)
    given = options.parse_args()
    asyncio.run(serve(given.port, given.latency_ms / 1000))
