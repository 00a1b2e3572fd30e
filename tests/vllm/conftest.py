"""Real vLLM on a CPU, over random-weight models: run by `make test-vllm`, and by nothing else.

EVALKIT_VLLM_PYTHON names the interpreter that has vLLM, EVALKIT_TINY_MODELS the folder that
scripts/tiny_model.py filled. What these models say means nothing; that they are served does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.serving import leftovers
from evalkit.serving.build import PYTHON_VARIABLE
from evalkit.serving.fixture import RunningServer

pytest_plugins = ["evalkit.serving.fixture"]

MODELS_VARIABLE = "EVALKIT_TINY_MODELS"
CONTEXT = 2048


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of random-weight models: bf16, w8a8, w4a16, awq, gptq."""
    missing = [name for name in (PYTHON_VARIABLE, MODELS_VARIABLE) if name not in os.environ]
    assert not missing, f"run these tests with make test-vllm: {missing} not set"
    return Path(os.environ[MODELS_VARIABLE]).resolve()


@pytest.fixture(scope="session")
def whole(models: Path, evalkit_vllm: Callable[..., RunningServer]) -> RunningServer:
    """The server of the unquantized random-weight model."""
    return evalkit_vllm(model=str(models / "bf16"), quantization="none", max_model_len=CONTEXT)


@pytest.fixture(scope="session")
def quantized(models: Path, evalkit_vllm: Callable[..., RunningServer]) -> RunningServer:
    """The server of the same weights in W8A8; it runs beside the other one."""
    return evalkit_vllm(
        model=str(models / "w8a8"), quantization="compressed-tensors", max_model_len=CONTEXT
    )


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left(models: Path):
    """Whatever a test did, no process of any server may outlive the session."""
    yield
    notes = [path.stem for path in leftovers.notes_folder().glob("*.json")]
    assert [pid for nonce in notes for pid in leftovers.processes(nonce)] == []
