"""Ways to reach a model: one file a provider.

A profile binds a role to `<name>`, to `<name>/<model>`, or to a table `{ provider = "<name>", … }`.
What is registered under a name is a dataclass whose fields are its options (`model` among them) or,
for what needs none, a function of the name as written and the project's cache folder.
"""

from pathlib import Path
from typing import Protocol

from evalkit.providers.protocol import Embedder, Model
from evalkit.registry import Registry


class ModelFactory(Protocol):
    """Makes the model that a profile names. `cache` is the project's cache folder, or None.

    `spec` is the name as written; a factory that serves many models reads the rest of it.
    """

    def __call__(self, spec: str, *, cache: Path | None) -> Model: ...


class EmbedderFactory(Protocol):
    """As `ModelFactory`, for an embedder."""

    def __call__(self, spec: str, *, cache: Path | None) -> Embedder: ...


MODELS: Registry[type[Model] | ModelFactory] = Registry(
    "model",
    "evalkit.models",
    {
        "embedded/extractive": "evalkit.providers.extractive:extractive",
        "scripted": "evalkit.providers.scripted:echo",
        "openai": "evalkit.providers.openai:OpenAIModel",
        "anthropic": "evalkit.providers.anthropic:AnthropicModel",
        "vllm": "evalkit.providers.vllm:VllmModel",
    },
)
EMBEDDERS: Registry[type[Embedder] | EmbedderFactory] = Registry(
    "embedder",
    "evalkit.embedders",
    {
        "embedded/minilm": "evalkit.providers.embedders:minilm",
        "scripted": "evalkit.providers.embedders:scripted",
        "sentence-transformers": "evalkit.providers.embedders:sentence_transformers",
        "openai": "evalkit.providers.openai_embedder:OpenAIEmbedder",
    },
)
