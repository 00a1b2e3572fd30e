"""The optional embedder without its package."""

from __future__ import annotations

import importlib.metadata

import pytest

from evalkit.errors import ConfigError
from evalkit.providers.sentence_transformers import SentenceTransformersEmbedder


def test_without_the_package_the_error_says_what_to_install():
    """At construction, before anything has been measured."""
    try:
        importlib.metadata.version("sentence-transformers")
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        pytest.skip("sentence-transformers is installed")
    with pytest.raises(ConfigError, match=r"pip install 'evalkit-gate\[sentence-transformers\]'"):
        SentenceTransformersEmbedder("some/model")
