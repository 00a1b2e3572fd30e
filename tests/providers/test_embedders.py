"""Embedders as profiles name them."""

from __future__ import annotations

import pytest

from evalkit.errors import ConfigError
from evalkit.providers import EMBEDDERS, embedder
from evalkit.providers.embedders import minilm, scripted, sentence_transformers
from evalkit.providers.minilm import MiniLmEmbedder
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.registry import UnknownName


def test_each_name_makes_its_embedder(tmp_path):
    """The cache is the project's, or none."""
    assert isinstance(minilm("embedded/minilm", cache=tmp_path), MiniLmEmbedder)
    assert isinstance(minilm(), MiniLmEmbedder)
    assert isinstance(scripted("scripted", cache=tmp_path), ScriptedEmbedder)
    assert EMBEDDERS.get("embedded/minilm") is minilm


@pytest.mark.parametrize("spec", ["sentence-transformers", "sentence-transformers/"])
def test_a_provider_without_a_model_is_refused(spec):
    """Before anything is downloaded or loaded."""
    with pytest.raises(ConfigError, match="sentence-transformers/<model or folder>"):
        sentence_transformers(spec)


def test_the_part_before_the_slash_finds_the_factory():
    """A provider that nobody serves is told with its near misses."""
    assert isinstance(embedder("scripted"), ScriptedEmbedder)
    with pytest.raises(UnknownName, match="Did you mean sentence-transformers"):
        embedder("sentence-transformer/x")
