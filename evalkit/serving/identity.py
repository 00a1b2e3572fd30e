"""What a server serves, for cache keys, baselines and reports: never where, nor under which key.

Left out on purpose: what changes the speed alone (`max_num_seqs`, `gpu_memory_utilization`,
`prefix_caching`). Batching may still change a near-tied token: `noise` measures how often.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath

from evalkit.serving.build import VllmBuild
from evalkit.serving.checkpoint import declared_quantization, weights_id
from evalkit.serving.gpus import gpus
from evalkit.serving.options import ServerOptions

Identity = tuple[tuple[str, str], ...]


def identity(options: ServerOptions, build: VllmBuild) -> Identity:
    """What a managed server of pinned options serves, as (name, value) pairs in a fixed order."""
    declared = declared_quantization(options)
    if build.device == "gpu":
        seen = gpus()[: options.tensor_parallel]
        device = " + ".join(sorted(gpu.name for gpu in seen)) or "gpu"
    else:
        device = "cpu"
    return (
        ("model", PurePath(options.model).name),
        ("weights", weights_id(options)),
        ("quantization", options.quantization or declared or "none"),
        ("dtype", options.dtype),
        ("kv_cache_dtype", options.kv_cache_dtype),
        ("max_model_len", str(options.max_model_len or "of the checkpoint")),
        ("tensor_parallel", str(options.tensor_parallel)),
        ("seed", str(options.seed)),
        ("vllm", build.version),
        ("device", device),
    )


def fingerprint(found: Identity) -> str:
    """The digest of an identity; the folder's name is no part of it, the weights are."""
    counted = [pair for pair in found if pair[0] != "model"]
    digest = hashlib.sha256(json.dumps(counted).encode()).hexdigest()
    return f"vllm-{digest[:16]}"
