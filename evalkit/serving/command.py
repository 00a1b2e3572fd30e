"""The command line and the environment of a server, from tables of what is allowed.

Every flag is written `--flag=value` in one argument, so that no value is ever read as a flag, and
no shell is involved. What is not in `FLAGS` cannot be said: no remote code, no plug-in, no tool
server, no chat template from outside the checkpoint, no pickle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from evalkit.serving.build import VllmBuild
from evalkit.serving.options import ServerOptions

MODULE = "vllm.entrypoints.openai.api_server"
"""Not `vllm serve`: that asks for a distribution named vllm, which a CPU build is not."""

HOST = "127.0.0.1"

_GRAMMAR = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})

FIXED = (
    f"--host={HOST}",
    "--load-format=safetensors",  # weights only: a pickle runs code
    "--no-trust-remote-code",
    # Without it a small model may spend its whole output on the blanks that JSON allows.
    f"--structured-outputs-config={_GRAMMAR}",
    "--enable-prompt-tokens-details",
    "--disable-fastapi-docs",
    "--disable-uvicorn-access-log",  # the last lines of the log are for what went wrong
)
FLAGS = frozenset(
    [
        "--model", "--revision", "--tokenizer-revision", "--quantization", "--kv-cache-dtype",
        "--dtype", "--max-model-len", "--gpu-memory-utilization", "--max-num-seqs",
        "--tensor-parallel-size", "--seed", "--port", "--served-model-name",
    ]
)  # fmt: skip
"""Flags that take a value of `ServerOptions`, or one that evalkit draws."""

SWITCHES = frozenset(
    ["--enable-prefix-caching", "--no-enable-prefix-caching", "--enforce-eager"],
)

PASSED_ON = frozenset(
    [
        "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_CACHE", "HOME", "HTTPS_PROXY",
        "HTTP_PROXY", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LD_PRELOAD", "LOGNAME", "NO_PROXY",
        "NVIDIA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PATH", "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE", "TMPDIR", "TZ", "USER", "VLLM_ATTENTION_BACKEND", "VLLM_CACHE_ROOT",
        "VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND", "VLLM_LOGGING_LEVEL",
        "VLLM_WORKER_MULTIPROCESSING_METHOD", "XDG_CACHE_HOME",
    ]
)  # fmt: skip
"""What the server sees of the environment: no key of any provider, no development switch."""

NONCE_VARIABLE = "EVALKIT_SERVER"
"""Set in every process of a server: how a leftover is known for one of ours."""


def arguments(options: ServerOptions, build: VllmBuild, *, port: int, nonce: str) -> list[str]:
    """The server's argv. The key is not in it: it is anybody's to read."""
    folder = options.folder
    values: dict[str, object] = {
        "--model": folder or options.model,
        "--served-model-name": nonce,
        "--port": port,
        "--dtype": _dtype(options, build),
        "--kv-cache-dtype": options.kv_cache_dtype,
        "--seed": options.seed,
        "--tensor-parallel-size": options.tensor_parallel,
    }
    if options.revision:
        values |= {"--revision": options.revision, "--tokenizer-revision": options.revision}
    if options.quantization not in ("", "none"):
        values["--quantization"] = options.quantization
    if options.max_model_len:
        values["--max-model-len"] = options.max_model_len
    if options.max_num_seqs:
        values["--max-num-seqs"] = options.max_num_seqs
    if build.device == "gpu":
        values["--gpu-memory-utilization"] = options.gpu_memory_utilization
    switches = [
        "--enable-prefix-caching" if options.prefix_caching else "--no-enable-prefix-caching"
    ]
    if build.device == "cpu":
        switches.append("--enforce-eager")  # compiling takes longer than it saves
    stated = [f"{flag}={value}" for flag, value in values.items()]
    return [build.python, "-m", MODULE, *FIXED, *stated, *switches]


def environment(
    options: ServerOptions,
    build: VllmBuild,
    *,
    key: str,
    nonce: str,
    given: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The server's environment: what is passed on of `given` (this process's), and what we set."""
    source = os.environ if given is None else given
    out = {name: value for name, value in source.items() if name in PASSED_ON}
    if options.folder is None and "HF_TOKEN" in source:
        out["HF_TOKEN"] = source["HF_TOKEN"]
    offline = "1" if options.folder is not None else source.get("HF_HUB_OFFLINE", "0")
    out |= {
        "VLLM_API_KEY": key,
        NONCE_VARIABLE: nonce,
        "SPT_NOENV": "1",  # a process that renames itself keeps the line above readable
        "VLLM_HOST_IP": HOST,
        "VLLM_LOOPBACK_IP": HOST,
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": offline,
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
        "PYTHONSAFEPATH": "1",  # no module from whatever folder it runs in
        "PYTHONUNBUFFERED": "1",  # the last line before a crash is the one that counts
    }
    if build.device == "cpu":
        out.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        out["TORCHDYNAMO_DISABLE"] = "1"  # else the first logprobs take 20 s
    return out


def _dtype(options: ServerOptions, build: VllmBuild) -> str:
    """On a GPU vLLM follows the checkpoint; on a CPU the kernels take bfloat16."""
    return "bfloat16" if options.dtype == "auto" and build.device == "cpu" else options.dtype
