"""Importing does nothing: what is heavy is loaded by what needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = frozenset(
    "aiohttp anthropic bm25s datasets faiss genai_prices huggingface_hub ir_measures jinja2 numpy "
    "onnxruntime openai pandas pyarrow scipy tokenizers".split()
)

LOADED = "import sys; import {module}; print(*(name.partition('.')[0] for name in sys.modules))"


# The plugin is loaded by every pytest process of the environment, the command line by its --help.
@pytest.mark.parametrize("module", ["evalkit", "evalkit.pytest_plugin", "evalkit.cli"])
def test_importing_loads_nothing_heavy(module, root):
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED.format(module=module)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "evalkit" in loaded
    assert sorted(HEAVY.intersection(loaded)) == []


def test_something_heavy_would_be_noticed(root):
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED.format(module="numpy")],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "numpy" in loaded
