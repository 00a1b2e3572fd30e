"""What every registered model keeps; and importing their registry costs nothing."""

import asyncio
import subprocess
import sys

import pytest

from evalkit.providers import EMBEDDERS, MODELS, embedder, model
from evalkit.records import ModelRequest
from evalkit.registry import UnknownName

REQUEST = ModelRequest(prompt="Rain fell on Paris. The cat sat.\n\nQuestion: Where did rain fall?")


@pytest.mark.parametrize("name", MODELS.names())
def test_a_model_replies_the_same_and_counts(name, tmp_path):
    one, other = model(name, cache=tmp_path), model(name, cache=None)
    first, second = (asyncio.run(made.complete(REQUEST)) for made in (one, other))
    assert first.text == second.text != ""
    assert first.usage == second.usage
    assert min(first.usage.input_tokens, first.usage.output_tokens) > 0
    assert one.fingerprint == other.fingerprint != ""
    assert first.model == one.name


def test_an_embedder_with_a_model_name_is_found_by_its_first_part():
    assert set(EMBEDDERS.names()) >= {"embedded/minilm", "sentence-transformers"}
    assert embedder("embedded/minilm").dimensions == 384


@pytest.mark.parametrize("spec", ["embedded/minilmm", "nobody/model", ""])
def test_an_unknown_name_is_refused(spec):
    with pytest.raises(UnknownName):
        embedder(spec)
    with pytest.raises(UnknownName):
        model(spec)


def test_importing_the_registries_loads_nothing_heavy():
    script = (
        "import sys, evalkit.providers, evalkit.rag.indexes, evalkit.rag.retrievers\n"
        "import evalkit.targets\n"
        "print(sorted({'onnxruntime', 'tokenizers', 'faiss', 'bm25s', 'scipy', 'aiohttp'} & "
        "set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
