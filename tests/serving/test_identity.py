"""The identity changes with what may change a reply, and with nothing else."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest

from evalkit.serving.build import VllmBuild
from evalkit.serving.identity import fingerprint, identity
from evalkit.serving.options import ServerOptions

BUILD = VllmBuild(python="/somewhere/python", version="0.32.0", device="cpu")
OPTIONS = ServerOptions(model="owner/name", revision="a" * 40)


@pytest.fixture(autouse=True)
def no_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def made(build=BUILD, **changes):
    return fingerprint(identity(dataclasses.replace(OPTIONS, **changes), build))


@pytest.mark.parametrize(
    "change",
    [{"revision": "b" * 40}, {"quantization": "awq"}, {"dtype": "float16"}, {"seed": 1},
     {"kv_cache_dtype": "fp8"}, {"max_model_len": 1024}, {"tensor_parallel": 2},
     {"build": dataclasses.replace(BUILD, version="0.33.0")}],
)  # fmt: skip
def test_what_may_change_a_reply_changes_it(change):
    assert made(**change) != made()


@pytest.mark.parametrize(
    "change",
    [{"max_num_seqs": 8}, {"gpu_memory_utilization": 0.5}, {"prefix_caching": False},
     {"start_timeout_s": 5.0}, {"build": dataclasses.replace(BUILD, python="/elsewhere")}],
)  # fmt: skip
def test_what_only_changes_the_speed_does_not(change):
    assert made(**change) == made()


def test_a_gpu_counts_by_its_name(tmp_path, monkeypatch):
    """A stand-in for nvidia-smi names it."""
    on_gpu = dataclasses.replace(BUILD, device="gpu")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    seen = set()
    for name in ("NVIDIA L4", "Tesla T4"):
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\necho '0, GPU-1, {name}, 8.9, 100, 90'\n")
        path.chmod(0o755)
        assert dict(identity(OPTIONS, on_gpu))["device"] == name
        seen.add(made(build=on_gpu))
    assert len(seen | {made()}) == 3


def test_a_declared_method_counts_as_if_it_were_asked_for(tmp_path):
    config = {"quantization_config": {"quant_method": "awq"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    asked, declared = (
        identity(ServerOptions(model=str(tmp_path), quantization=method), BUILD)
        for method in ("awq", "")
    )
    assert asked == declared
    assert str(tmp_path.parent) not in json.dumps(asked)
