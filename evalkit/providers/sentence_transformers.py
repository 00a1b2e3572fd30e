"""Any sentence-transformers model as an embedder: optional, for those who bring their own."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from evalkit.errors import ConfigError, Problem
from evalkit.providers.protocol import Vectors

PACKAGE = "sentence-transformers"


class SentenceTransformersEmbedder:
    """A local folder or a model name, loaded by the first text.

    Texts are encoded one at a time, so that a vector does not depend on its batch. Raises
    `ConfigError` at once where the package is not installed, and later where the model cannot be
    loaded. The fingerprint names the model and the package's version: a model folder that changes
    under one name is not noticed.
    """

    def __init__(self, name: str) -> None:
        try:
            version = importlib.metadata.version(PACKAGE)
        except importlib.metadata.PackageNotFoundError as error:
            what = (
                f"needs the package {PACKAGE}: pip install 'evalkit-gate[sentence-transformers]'."
            )
            raise ConfigError([Problem(where=f"embedder {name}", what=what)]) from error
        self._model_name = name
        # A run's fingerprint is committed: of a local folder it names the folder, not the machine.
        self.name = f"{PACKAGE}/{Path(name).name if Path(name).is_dir() else name}"
        self.fingerprint = f"{self.name}@{version}"
        self._lock = Lock()
        self._loaded: Any = None

    @property
    def dimensions(self) -> int:
        """The model's width; loads the model."""
        return int(self.encode([""]).shape[1])

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions), float32, unit rows; the event loop stays free."""
        return await asyncio.to_thread(self.encode, texts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Like `embed`, from ordinary code."""
        model = self._model()
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        vectors = model.encode(
            list(texts), batch_size=1, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)

    def _model(self) -> Any:
        with self._lock:
            if self._loaded is None:
                # An optional dependency that pulls in torch: seconds, and only for its users.
                package = importlib.import_module("sentence_transformers")
                try:
                    self._loaded = package.SentenceTransformer(self._model_name, device="cpu")
                except (OSError, ValueError) as error:
                    what = f"the model cannot be loaded: {error}."
                    where = f"embedder {self._model_name}"
                    raise ConfigError([Problem(where=where, what=what)]) from error
            return self._loaded
