"""What every registered model keeps; and importing their registry costs nothing."""

import asyncio
import subprocess
import sys

import pytest

from evalkit.providers import EMBEDDERS, MODELS
from evalkit.records import ModelRequest

IN_PROCESS = ("embedded/extractive", "scripted")
"""What is registered as a function; models of other processes have a contract of their own."""

REQUEST = ModelRequest(prompt="Rain fell on Paris. The cat sat.\n\nQuestion: Where did rain fall?")


def test_the_rest_are_classes_whose_fields_are_their_options():
    assert all(isinstance(MODELS.get(n), type) for n in MODELS.names() if n not in IN_PROCESS)


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_model_replies_the_same_and_counts(name, tmp_path):
    make = MODELS.get(name)
    one, other = make(name, cache=tmp_path), make(name, cache=None)
    first, second = (asyncio.run(made.complete(REQUEST)) for made in (one, other))
    assert first.text == second.text != ""
    assert first.usage == second.usage
    assert min(first.usage.input_tokens, first.usage.output_tokens) > 0
    assert one.fingerprint == other.fingerprint != ""
    assert first.model == one.name


def test_the_shipped_embedder_is_registered():
    assert EMBEDDERS.get("embedded/minilm")("embedded/minilm", cache=None).dimensions == 384


def test_importing_the_registries_loads_nothing_heavy():
    script = (
        "import sys, evalkit.providers, evalkit.rag.indexes, evalkit.rag.retrievers\n"
        "import evalkit.targets\n"
        "heavy = 'onnxruntime tokenizers faiss bm25s scipy aiohttp openai anthropic'.split()\n"
        "print(sorted(set(heavy) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
