"""Tokens as a provider might count them, and servers that bill by them.

No provider's tokenizer travels in a package that the tests install. This stand-in cuts text as
byte-pair encodings do before they merge, and takes long words for two or three tokens. On the
prompts and replies of the four shipped suites it counts 92 % to 105 % of o200k_base by suite, role
and direction, and within 5 % of a suite's bill (measured with tiktoken 0.14.0). It shares nothing
with the counter behind an estimate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.servers.anthropic_server import AnthropicServer
from tests.servers.openai_server import OpenAIServer

LONG = 8
"""Letters that one token holds."""

_PIECE = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d{1,3}|[^\s\w]+|\n+|_+")


def tokens(text: str) -> int:
    """About as many as o200k_base makes of it."""
    return sum(_of(piece) for piece in _PIECE.findall(text))


def _of(piece: str) -> int:
    if piece[0].isalpha():
        return 1 + (len(piece) > LONG) + (len(piece) > 2 * LONG)
    if piece[0].isdigit() or piece[0] == "\n":
        return 1
    return -(-len(piece) // 2)


class Bills:
    """A server that counts tokens so; `usage` is (input, output) of all replies, by model."""

    def __init__(self, *arguments: Any, **how: Any) -> None:
        super().__init__(*arguments, **how)
        self.usage: dict[str, tuple[int, int]] = {}

    def counted(self, body: Mapping[str, Any], schema: object, said: object) -> tuple[int, int]:
        """Tokens of one exchange, which are now on the bill."""
        asked = sum(tokens(str(message["content"])) for message in body["messages"])
        asked += tokens(json.dumps(schema)) if schema else 0
        spoken = tokens(str(said))
        before = self.usage.get(body["model"], (0, 0))
        self.usage[body["model"]] = (before[0] + asked, before[1] + spoken)
        return asked, spoken

    def billed(self, input_price: float, output_price: float) -> float:
        """US dollars for everything answered so far, at prices a million."""
        return sum(
            (asked * input_price + spoken * output_price) / 1e6
            for asked, spoken in self.usage.values()
        )


class BillingOpenAIServer(Bills, OpenAIServer):
    """The schema of a reply counts as input."""

    def completion(self, body: Mapping[str, Any]) -> dict[str, Any]:
        whole = super().completion(body)
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        asked, spoken = self.counted(body, schema, whole["choices"][0]["message"]["content"])
        whole["usage"] |= {
            "prompt_tokens": asked,
            "completion_tokens": spoken,
            "total_tokens": asked + spoken,
        }
        return whole


class BillingAnthropicServer(Bills, AnthropicServer):
    """For free text, without a schema."""

    def message(self, body: Mapping[str, Any]) -> dict[str, Any]:
        whole = super().message(body)
        asked, spoken = self.counted(body, None, whole["content"][0]["text"])
        whole["usage"] |= {"input_tokens": asked, "output_tokens": spoken}
        return whole
