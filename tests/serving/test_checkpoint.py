"""Weights are known by what they are: a digest, or a commit."""

from __future__ import annotations

import json
import os

import pytest

from evalkit.errors import ConfigError
from evalkit.serving import checkpoint
from evalkit.serving.options import ServerOptions

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"w" * 100)
    return tmp_path


def test_the_digest_covers_names_and_contents(folder):
    first = checkpoint.folder_digest(folder)
    assert checkpoint.folder_digest(folder) == first
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("hidden")
    assert checkpoint.folder_digest(folder) == first
    (folder / "model.safetensors").write_bytes(b"w" * 99 + b"x")
    second = checkpoint.folder_digest(folder)
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    assert len({first, second, checkpoint.folder_digest(folder)}) == 3


def test_the_place_is_no_part_of_it(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    options = [ServerOptions(model=str(place)) for place in (folder, copy)]
    assert checkpoint.weights_id(options[0]) == checkpoint.weights_id(options[1])


def test_large_files_are_sampled_with_both_ends(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "WHOLE_BYTES", 10)
    monkeypatch.setattr(checkpoint, "_SAMPLE_BYTES", 4)
    path = folder / "model.safetensors"
    digests = []
    for place in (None, 0, -1):
        data = bytearray(b"w" * 100_000)
        if place is not None:
            data[place] = 0
        path.write_bytes(data)
        os.utime(path, ns=(len(digests), len(digests)))
        digests.append(checkpoint.folder_digest(folder))
    path.write_bytes(b"w" * 100_001)
    assert len({*digests, checkpoint.folder_digest(folder)}) == 4


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub's cache with one commit of owner/name, as its client lays it out."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    model = tmp_path / "hub" / "models--owner--name"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    snapshot = model / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    config = {"quantization_config": {"quant_method": "AWQ"}}
    (snapshot / "config.json").write_text(json.dumps(config))


def test_a_branch_is_pinned_by_the_hubs_cache(hub):
    found = checkpoint.pinned(ServerOptions(model="owner/name"))
    assert found.revision == COMMIT
    assert checkpoint.weights_id(found) == f"owner/name@{COMMIT}"
    assert checkpoint.declared_quantization(found) == "awq"


def test_a_commit_needs_no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    options = ServerOptions(model="owner/name", revision=COMMIT)
    assert checkpoint.pinned(options) == options
    assert checkpoint.declared_quantization(options) is None


@pytest.mark.parametrize("revision", ["", "main", "v1.0"])
def test_a_name_that_may_mean_anything_is_refused(tmp_path, monkeypatch, revision):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="40 hex digits"):
        checkpoint.pinned(ServerOptions(model="owner/name", revision=revision))


@pytest.mark.parametrize(
    ("config", "declared"),
    [("{}", ""), ('{"quantization_config": null}', ""), ("[]", None), ("{", None),
     ('{"quantization_config": {"quant_method": "gptq"}}', "gptq")],
)  # fmt: skip
def test_the_config_declares_the_method(folder, config, declared):
    (folder / "config.json").write_text(config)
    assert checkpoint.declared_quantization(ServerOptions(model=str(folder))) == declared
