"""Embedders as profiles name them."""

from __future__ import annotations

import pytest

from evalkit.errors import ConfigError
from evalkit.providers import EMBEDDERS
from evalkit.providers.embedders import minilm, scripted, sentence_transformers
from evalkit.providers.minilm import MiniLmEmbedder
from evalkit.providers.scripted_embedder import ScriptedEmbedder


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


def test_the_rest_after_the_slash_is_the_model(tmp_path, monkeypatch):
    """Its name, or a folder's own name: where a model lies is no part of a fingerprint.

    The package's metadata is all it takes: the model is loaded on its first use.
    """
    metadata = tmp_path / "sentence_transformers-9.9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: sentence-transformers\nVersion: 9.9\n")
    monkeypatch.syspath_prepend(tmp_path)
    named = sentence_transformers("sentence-transformers/org/model")
    assert named.fingerprint == "sentence-transformers/org/model@9.9"
    (tmp_path / "mine").mkdir()
    local = sentence_transformers(f"sentence-transformers/{tmp_path / 'mine'}")
    assert local.fingerprint == "sentence-transformers/mine@9.9"
