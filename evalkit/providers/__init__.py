from pathlib import Path
from typing import Protocol, TypeVar

from evalkit.providers.protocol import Embedder, Model
from evalkit.registry import Registry

T = TypeVar("T")


class ModelFactory(Protocol):
    """Makes the model that a profile names. `cache` is the project's cache folder, or None.

    `spec` is the name as written; a factory that serves many models reads the rest of it.
    """

    def __call__(self, spec: str, *, cache: Path | None) -> Model: ...


class EmbedderFactory(Protocol):
    """As `ModelFactory`, for an embedder."""

    def __call__(self, spec: str, *, cache: Path | None) -> Embedder: ...


MODELS: Registry[ModelFactory] = Registry(
    "model",
    "evalkit.models",
    {
        "embedded/extractive": "evalkit.providers.extractive:extractive",
        "scripted": "evalkit.providers.scripted:echo",
    },
)
EMBEDDERS: Registry[EmbedderFactory] = Registry(
    "embedder",
    "evalkit.embedders",
    {
        "embedded/minilm": "evalkit.providers.embedders:minilm",
        "scripted": "evalkit.providers.embedders:scripted",
        "sentence-transformers": "evalkit.providers.embedders:sentence_transformers",
    },
)
"""`sentence-transformers/<model>` is served by the factory registered under its first part."""


def model(spec: str, *, cache: Path | None = None) -> Model:
    """The model called `spec`. Raises `UnknownName` where nobody serves it."""
    return _serving(MODELS, spec)(spec, cache=cache)


def embedder(spec: str, *, cache: Path | None = None) -> Embedder:
    """The embedder called `spec`. Raises `UnknownName` where nobody serves it."""
    return _serving(EMBEDDERS, spec)(spec, cache=cache)


def _serving(registry: Registry[T], spec: str) -> T:
    """The factory registered under the whole spec, else under its part before the first slash."""
    provider = spec.partition("/")[0]
    return registry.get(provider if spec not in registry and provider in registry else spec)
