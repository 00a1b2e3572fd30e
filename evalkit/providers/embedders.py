"""Factories of embedders, as profiles name them."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import ConfigError, Problem
from evalkit.providers.minilm import MiniLmEmbedder, shared
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.providers.sentence_transformers import SentenceTransformersEmbedder


def minilm(
    spec: str = "embedded/minilm",  # noqa: ARG001 - EmbedderFactory fixes the signature
    *,
    cache: Path | None = None,
) -> MiniLmEmbedder:
    """The shipped embedder; its vectors are kept in the cache folder."""
    return shared(cache)


def sentence_transformers(
    spec: str,
    *,
    cache: Path | None = None,  # noqa: ARG001 - EmbedderFactory fixes the signature
) -> SentenceTransformersEmbedder:
    """The model named after the first slash: `sentence-transformers/<model>`, or a local folder."""
    name = spec.partition("/")[2]
    if not name:
        what = "names no model"
        allowed = "sentence-transformers/<model or folder>"
        raise ConfigError([Problem(where="embedder", what=what, value=repr(spec), allowed=allowed)])
    return SentenceTransformersEmbedder(name)


def scripted(
    spec: str = "scripted",  # noqa: ARG001 - EmbedderFactory fixes the signature
    *,
    cache: Path | None = None,  # noqa: ARG001 - EmbedderFactory fixes the signature
) -> ScriptedEmbedder:
    """The stand-in: hashed vectors, whose cosines mean nothing."""
    return ScriptedEmbedder()
