"""What a stored reply is filed under: a digest of everything that may shape it.

No address of a server is in it: where a reply came from is not what it says, and a server that we
start has another port each time. The model's fingerprint stands for all it sends besides the
request.
"""

from __future__ import annotations

import hashlib

from evalkit.codec import canonical, encode
from evalkit.records import ModelRequest

FORMAT = 1
"""Raised whenever the same key would mean something else, or a stored reply reads differently."""


def request_key(request: ModelRequest, *, model: str, fingerprint: str, repeat: int) -> str:
    """SHA-256 (hex) of a chat request to a model.

    `repeat` keeps the draws of one case apart, so that repeats stay independent. The order of keys
    in the schema does not matter, the order in its lists does.
    """
    return _digest({
        "format": FORMAT,
        "kind": "chat",
        "model": model,
        "fingerprint": fingerprint,
        "system": request.system,
        "prompt": request.prompt,
        "schema": request.schema,
        "max_output_tokens": request.max_output_tokens,
        "prompt_ref": request.prompt_ref,
        "draw": request.draw,
        "repeat": repeat,
    })  # fmt: skip


def text_key(text: str, *, model: str, fingerprint: str) -> str:
    """SHA-256 (hex) of one text to an embedder; a repeat embeds alike."""
    return _digest({
        "format": FORMAT,
        "kind": "embedding",
        "model": model,
        "fingerprint": fingerprint,
        "text": text,
    })  # fmt: skip


def _digest(parts: dict[str, object]) -> str:
    try:
        data = canonical(parts)
    except TypeError:  # a schema in mappings of another kind: rare, and copying each takes time
        data = canonical(encode(parts))
    return hashlib.sha256(data).hexdigest()
