"""What cannot work is refused in a second, all of it at once."""

from __future__ import annotations

import json

import pytest

from evalkit.errors import ConfigError
from evalkit.serving import preflight
from evalkit.serving.build import VllmBuild
from evalkit.serving.gpus import Gpu
from evalkit.serving.options import ServerOptions


@pytest.fixture
def checkpoint(tmp_path):
    """A folder that declares a method."""

    def make(method=""):
        config = {"quantization_config": {"quant_method": method}} if method else {}
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "model.safetensors").touch()
        return str(tmp_path)

    return make


def build(device="cpu"):
    return VllmBuild(python="python", version="0.32.0", device=device)


def gpu(capability=8.9, free_mib=23000, index=0):
    return Gpu(
        index=index, uuid="GPU-1", name="NVIDIA X", capability=capability, total_mib=24000,
        free_mib=free_mib,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "declared", "refused"),
    [
        ("", "", None), ("none", "", None), ("", "awq", None), ("awq", "awq", None),
        ("compressed-tensors", "compressed-tensors", None), ("fp8", "fp8", None),
        ("awq", "gptq", "the checkpoint declares 'gptq'"),
        ("awq", "", "the checkpoint declares 'none'"),
        ("none", "awq", "the checkpoint declares 'awq'"),
        ("bitsandbytes", "awq", "the checkpoint declares 'awq'"),
        ("fp8", "", "fp8 on a CPU"),
        ("bitsandbytes", "", "no CPU kernels"),
    ],
)  # fmt: skip
def test_method_checkpoint_and_cpu_must_agree(checkpoint, asked, declared, refused):
    options = ServerOptions(model=checkpoint(declared), quantization=asked)
    if refused is None:
        preflight.check(options, build())
        return
    with pytest.raises(ConfigError, match=refused):
        preflight.check(options, build())


def test_pickled_weights_are_refused(checkpoint, tmp_path):
    options = ServerOptions(model=checkpoint())
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="never loaded"):
        preflight.check(options, build())


def test_a_gpu_build_needs_a_gpu(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="nvidia-smi shows none"):
        preflight.check(ServerOptions(model=checkpoint()), build("gpu"))


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        ({}, [gpu()], []),
        ({}, [gpu(free_mib=21599)], ["21599 MiB free of 24000; gpu_memory_utilization = 0.9"]),
        ({"gpu_memory_utilization": 0.5}, [gpu(free_mib=12000)], []),
        ({"tensor_parallel": 2}, [gpu()], ["2, but 1 GPUs are visible"]),
        ({"tensor_parallel": 2}, [gpu(), gpu(free_mib=1, index=1)], ["GPU 1 .* has 1 MiB"]),
        ({"quantization": "awq"}, [gpu(7.0)], ["awq needs compute capability 7.5"]),
        ({"quantization": "awq"}, [gpu(7.5)], []),
        ({"quantization": "gptq"}, [gpu(6.1)], ["gptq needs"]),
        ({"quantization": "fp8"}, [gpu(7.0)], ["fp8 needs compute capability 7.5"]),
        ({"quantization": "bitsandbytes"}, [gpu(6.1)], ["bitsandbytes needs"]),
        ({"dtype": "bfloat16"}, [gpu(7.5)], ["bfloat16 needs compute capability 8.0"]),
        (
            {"dtype": "bfloat16", "quantization": "awq"},
            [gpu(6.1, free_mib=5)],
            ["5 MiB", "awq", "bf"],
        ),
    ],
)
def test_gpus_must_be_enough_free_and_new(wanted, found, said):
    """Recorded shapes of GPUs: no test here saw one."""
    import re

    options = ServerOptions(model="owner/name", **wanted)
    problems = list(preflight.gpu_problems(options, tuple(found), rocm=False))
    assert len(problems) == len(said)
    assert all(re.search(one, problem) for one, problem in zip(said, problems, strict=True))


def test_other_vendors_are_vllms_to_judge():
    assert list(preflight.gpu_problems(ServerOptions(model="o/n"), (), rocm=True)) == []
