"""A built index is found again by content, and a damaged file is built anew."""

import asyncio

import numpy as np
import pytest

from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.rag.index_cache import indexed
from evalkit.rag.indexes.flat import FlatIndex
from evalkit.rag.indexes.hnsw import HnswIndex

TEXTS = ["one", "two", "three"]


class CountingEmbedder:
    name = "counting"
    dimensions = 64

    def __init__(self, fingerprint="counting"):
        self.fingerprint = fingerprint
        self.calls = 0

    async def embed(self, texts):
        self.calls += 1
        return await ScriptedEmbedder().embed(texts)


def built(folder, *, embedder=None, texts=TEXTS, kind=None):
    embedder = embedder or CountingEmbedder()
    index = asyncio.run(indexed(texts, kind=kind or HnswIndex(), embedder=embedder, folder=folder))
    query = asyncio.run(ScriptedEmbedder().embed(["one"]))
    return embedder.calls, index.search(query, 3)


def test_the_second_time_nothing_is_embedded(tmp_path):
    calls, first = built(tmp_path)
    assert calls == 1
    calls, second = built(tmp_path)
    assert calls == 0
    np.testing.assert_array_equal(first[1], second[1])
    assert len(list(tmp_path.iterdir())) == 1  # nothing temporary is left


@pytest.mark.parametrize(
    "change",
    [
        {"texts": ["one", "two", "four"]},
        {"texts": ["onetwo", "three"]},  # the same characters, divided otherwise
        {"kind": HnswIndex(links=8)},
        {"kind": FlatIndex()},
        {"embedder": CountingEmbedder("another")},
    ],
)
def test_whatever_shapes_the_index_makes_another(tmp_path, change):
    built(tmp_path)
    assert built(tmp_path, **change)[0] == 1


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:-7], lambda data: data[:40] + b"\xff" + data[41:]],
)
def test_a_damaged_file_is_built_again(tmp_path, damage):
    _, first = built(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    calls, second = built(tmp_path)
    assert calls == 1
    np.testing.assert_array_equal(first[0], second[0])
    assert built(tmp_path)[0] == 0


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert built(blocked)[0] == 1
