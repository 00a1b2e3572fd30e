"""What would keep a server from starting, found in a second instead of after minutes.

Least compute capabilities are those of vLLM 0.32.0's sources, `get_min_capability` in
vllm/model_executor/layers/quantization/{auto_awq,auto_gptq,fp8}.py and, for compressed-tensors,
its W8A8-INT8 and W4A16 schemes, but no less than the 7.0 that vLLM itself asks for; bitsandbytes'
are those of vLLM's documentation. `fp8` computes in 8 bits from 8.9 on; below, only its weights
are in 8 bits. bfloat16 needs 8.0.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator

from evalkit.errors import ConfigError, Problem
from evalkit.serving.build import VllmBuild
from evalkit.serving.checkpoint import declared_quantization
from evalkit.serving.gpus import Gpu, gpus
from evalkit.serving.options import FROM_CHECKPOINT, ONLINE, ServerOptions

LEAST_CAPABILITY = {
    "awq": 7.5,
    "gptq": 7.0,
    "compressed-tensors": 7.5,
    "fp8": 7.5,
    "bitsandbytes": 7.0,
}
LEAST_FOR_BFLOAT16 = 8.0
NOT_ON_CPU = {
    "fp8": "whole weights cannot be turned into fp8 on a CPU: the kernel is missing",
    "bitsandbytes": "bitsandbytes has no CPU kernels in vLLM",
}


def check(options: ServerOptions, build: VllmBuild) -> None:
    """Raise `ConfigError` with everything that speaks against starting this server here."""
    found = [*platform_problems(), *checkpoint_problems(options), *method_problems(options, build)]
    if build.device == "gpu" and not found:
        found += gpu_problems(options, gpus(), rocm=shutil.which("rocm-smi") is not None)
    if found:
        where = f"vllm model {options.model}"
        raise ConfigError([Problem(where=where, what=what) for what in found])


def platform_problems() -> Iterator[str]:
    """A managed server leans on Linux: parent-death signals, subreapers, /proc."""
    if platform.system() != "Linux":
        yield "a managed server needs Linux; attach to a running one with base_url"


def checkpoint_problems(options: ServerOptions) -> Iterator[str]:
    """A local folder must hold safetensors: pickled weights are never loaded."""
    folder = options.folder
    if folder is not None and not any(folder.glob("*.safetensors")):
        yield "the folder has no .safetensors file; pickled weights (.bin, .pt) are never loaded"


def method_problems(options: ServerOptions, build: VllmBuild) -> Iterator[str]:
    """What is asked for must be what the checkpoint is, and what the device can do."""
    asked, declared = options.quantization, declared_quantization(options)
    if declared is not None:
        said = f"quantization = {asked!r}, but the checkpoint declares {declared or 'none'!r}"
        if asked in FROM_CHECKPOINT and asked != declared:
            yield said
        if asked == "none" and declared:
            yield said
        if asked in ONLINE and declared not in ("", asked):
            yield said
    if build.device == "cpu" and asked in NOT_ON_CPU and not (asked == "fp8" and declared == "fp8"):
        yield NOT_ON_CPU[asked]


def gpu_problems(options: ServerOptions, found: tuple[Gpu, ...], *, rocm: bool) -> Iterator[str]:
    """Enough GPUs, free enough, new enough. What other vendors' GPUs can do, vLLM must say."""
    if not found:
        if not rocm:
            yield "this vLLM computes on a GPU, and nvidia-smi shows none"
        return
    if options.tensor_parallel > len(found):
        yield f"tensor_parallel = {options.tensor_parallel}, but {len(found)} GPUs are visible"
    method = options.quantization or declared_quantization(options) or ""
    for gpu in found[: options.tensor_parallel]:
        wanted_mib = round(gpu.total_mib * options.gpu_memory_utilization)
        if gpu.free_mib < wanted_mib:
            yield (
                f"GPU {gpu.index} ({gpu.name}) has {gpu.free_mib} MiB free of {gpu.total_mib}; "
                f"gpu_memory_utilization = {options.gpu_memory_utilization} takes {wanted_mib}"
            )
        least = LEAST_CAPABILITY.get(method, 0.0)
        if gpu.capability < least:
            yield f"{method} needs compute capability {least}; {gpu.name} has {gpu.capability}"
        if options.dtype == "bfloat16" and gpu.capability < LEAST_FOR_BFLOAT16:
            yield f"bfloat16 needs compute capability 8.0; {gpu.name} has {gpu.capability}"
