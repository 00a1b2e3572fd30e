"""The embedder that travels in the package: the same text is the same bytes, everywhere."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Timer

import numpy as np
import pytest

from evalkit.errors import ConfigError
from evalkit.providers.embedders import minilm as named_minilm
from evalkit.providers.minilm import WEIGHTS, MiniLmEmbedder, VectorStore, card_digests, shared

ROOT = Path(__file__).parents[2]
TEXTS = (
    "A cat sat on the mat.",
    "The Panthers defense gave up just 308 points, ranking sixth in the league.",
    "",
    "naïve café 東京",
    "word " * 400,
)


@pytest.fixture(scope="module")
def embedder():
    return MiniLmEmbedder()


def test_rows_are_unit_vectors_in_the_order_asked(embedder):
    """One row a text, repeats included; none for none."""
    vectors = embedder.encode([*TEXTS, TEXTS[0]])
    assert vectors.shape == (len(TEXTS) + 1, embedder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert vectors[0].tobytes() == vectors[-1].tobytes()
    assert embedder.encode([]).shape == (0, 384)


def test_meaning_beats_shared_words(embedder):
    """A paraphrase is nearer than a sentence that shares most words."""
    a, paraphrase, other = embedder.encode(
        [
            "The physician cured the boy.",
            "A doctor healed the child.",
            "The physician sold the house.",
        ]
    )
    assert a @ paraphrase > a @ other


def test_one_text_is_the_same_bytes_alone_and_in_any_batch():
    """No companion, order or number of threads reaches a vector."""
    alone = [MiniLmEmbedder(threads=1).encode([text])[0].tobytes() for text in TEXTS]
    together = MiniLmEmbedder(threads=2).encode(TEXTS)
    backwards = MiniLmEmbedder(threads=4).encode(TEXTS[::-1])[::-1]
    assert [row.tobytes() for row in together] == alone
    assert [row.tobytes() for row in backwards] == alone


def test_another_process_gives_the_same_bytes(embedder):
    """Nothing depends on a seed, an address or a thread's luck."""
    code = (
        "import sys, hashlib; from evalkit.providers.minilm import MiniLmEmbedder as E; "
        "print(hashlib.sha256(E().encode(sys.argv[1:]).tobytes()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *TEXTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(embedder.encode(TEXTS).tobytes()).hexdigest()


def test_two_threads_get_identical_vectors():
    """A fresh embedder is loaded once and shared."""
    fresh = MiniLmEmbedder()
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(fresh.encode, [TEXTS, TEXTS])
    assert one.tobytes() == two.tobytes()


def test_a_text_under_way_is_not_embedded_again():
    """Two calls at once share the work; texts of which only one was asked are not held up."""
    asked, begun, release = [], Event(), Event()

    class Session:
        def run(self, outputs, feeds):
            asked.append(feeds["input_ids"].tobytes())
            begun.set()
            assert release.wait(60)
            return [np.ones((1, 384), dtype=np.float32)]

    fresh = MiniLmEmbedder()
    fresh._loaded = (Session(), fresh._open()[1])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(fresh.encode, TEXTS[:2])
        assert begun.wait(60)
        Timer(0.2, release.set).start()
        second = fresh.encode(TEXTS[:3])
    assert first.result().shape == (2, 384)
    assert second.shape == (3, 384)
    assert len(asked) == len(set(asked)) == 3


def test_a_fault_reaches_every_call_and_is_not_kept():
    """The near miss of sharing: a text that failed is embedded afresh the next time."""

    class Broken:
        def run(self, outputs, feeds):
            raise RuntimeError("no memory")

    fresh = MiniLmEmbedder()
    session, tokenizer = fresh._open()
    fresh._loaded = (Broken(), tokenizer)
    with pytest.raises(RuntimeError, match="no memory"):
        fresh.encode(TEXTS)
    fresh._loaded = (session, tokenizer)
    assert fresh.encode(TEXTS).shape == (len(TEXTS), 384)


def test_one_embedder_serves_the_process(tmp_path):
    """Pipeline, generator and judge of one project share vectors; another project has its own."""
    mine = shared(tmp_path)
    assert shared(tmp_path) is mine
    assert named_minilm("embedded/minilm", cache=tmp_path) is mine
    assert shared(tmp_path / "other") is not mine


def test_a_cache_hit_equals_a_miss_byte_for_byte(tmp_path, embedder):
    """And a hit does not load the model."""
    first = MiniLmEmbedder(cache=tmp_path).encode(TEXTS)
    second = MiniLmEmbedder(cache=tmp_path)
    assert second.encode(TEXTS).tobytes() == first.tobytes() == embedder.encode(TEXTS).tobytes()
    assert second._loaded is None


def test_a_damaged_row_counts_as_absent(tmp_path):
    """The near miss of a hit: right key, wrong size."""
    store = VectorStore(tmp_path / "some.sqlite", 2)
    store.put({b"a": np.array([1, 0], dtype=np.float32), b"b": np.array([0, 1], dtype=np.float32)})
    with sqlite3.connect(tmp_path / "some.sqlite") as rows:
        rows.execute("UPDATE vectors SET vector = x'00' WHERE key = ?", (b"a",))
    rows.close()
    assert set(store.get([b"a", b"b", b"c"])) == {b"b"}


def test_a_cache_that_is_no_database_is_a_configuration_error(tmp_path):
    """The message names the file and says what to do."""
    (tmp_path / "embeddings.sqlite").write_text("no database" * 100)
    with pytest.raises(ConfigError, match=r"embeddings\.sqlite.*Delete it"):
        MiniLmEmbedder(cache=tmp_path)


def test_the_async_method_gives_the_same(embedder):
    """`embed` is `encode` off the event loop."""
    assert asyncio.run(embedder.embed(TEXTS)).tobytes() == embedder.encode(TEXTS).tobytes()


def test_text_beyond_256_tokens_does_not_count(embedder):
    """254 words and the two markers fit; the 255th changes nothing, the 254th does."""
    a, longer, shorter = embedder.encode(["cat " * 254, "cat " * 254 + "dog", "cat " * 253 + "dog"])
    assert a.tobytes() == longer.tobytes()
    assert a.tobytes() != shorter.tobytes()


def test_the_files_are_those_their_card_names():
    """Whoever replaces the weights must say so."""
    digests = card_digests(WEIGHTS / "CARD.md")
    for name, digest in digests.items():
        assert hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest() == digest
    assert set(digests) == {"model.onnx", "tokenizer.json"}


def test_other_weights_under_the_same_card_are_refused(tmp_path):
    """A truncated download must not score anything."""
    (tmp_path / "CARD.md").write_bytes((WEIGHTS / "CARD.md").read_bytes())
    (tmp_path / "tokenizer.json").write_bytes((WEIGHTS / "tokenizer.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes((WEIGHTS / "model.onnx").read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"model\.onnx.*CARD"):
        MiniLmEmbedder(weights=tmp_path).encode(["a"])
    with pytest.raises(ConfigError, match="no sha256"):
        card_digests(tmp_path / "absent.md")


def test_importing_the_embedder_does_not_load_the_runtime():
    """onnxruntime and tokenizers wait for the first text."""
    code = (
        "import sys, evalkit.providers.minilm as m; m.MiniLmEmbedder(); "
        "print([n for n in ('onnxruntime', 'tokenizers') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
