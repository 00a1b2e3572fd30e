"""Passages that share the question's rarer words."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from evalkit.rag.retrievers.bm25 import Bm25Search
from evalkit.records import Chunk


def chunk(n, text):
    return Chunk(id=f"d{n}#1", document_id=f"d{n}", title="", text=text, start=0, end=len(text))


async def found(question, *texts, **options):
    chunks = [chunk(n, text) for n, text in enumerate(texts)]
    retriever = await Bm25Search(**options).build(chunks, embedder=None, index=None)
    return [(p.document_id, p.similarity) for p in await retriever.retrieve(question, 5)]


def test_a_rarer_word_counts_for_more():
    """Each shares one word with the question; "krill" stands in one of three, "blue" in two."""
    (first, high), (second, low) = asyncio.run(
        found("blue krill", "krill swim", "blue paint", "blue sky today")
    )[:2]
    assert (first, second) == ("d0", "d1")
    assert high > low > 0


def test_a_passage_without_a_word_of_the_question_is_not_found():
    """Stop words are no words here; inflections are."""
    texts = ("the whales feed", "the of and", "a whale")
    assert {name for name, _ in asyncio.run(found("the feeding of whale", *texts))} == {"d0", "d2"}


def test_length_counts_as_much_as_b_says():
    """The word stands once in a short and in a long text: with b = 0 both weigh the same."""
    texts = ("whale", "whale " + " ".join(f"word{i}" for i in range(30)))
    (_, one), (_, other) = asyncio.run(found("whale", *texts, b=0.0))
    assert one == other
    (first, one), (_, other) = asyncio.run(found("whale", *texts, b=1.0))
    assert first == "d0"
    assert one > other


@pytest.mark.parametrize("options", [{"k1": -0.1}, {"b": 1.1}])
def test_bm25_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        Bm25Search(**options)


def test_bm25_prints_nothing_and_imports_no_compiler(tmp_path):
    script = (
        "import sys, asyncio\n"
        "from evalkit.rag.retrievers.bm25 import Bm25Search\n"
        "from evalkit.records import Chunk\n"
        "c = Chunk(id='a', document_id='a', title='', text='blue whale', start=0, end=10)\n"
        "r = asyncio.run(Bm25Search().build([c], embedder=None, index=None))\n"
        "assert len(asyncio.run(r.retrieve('whale', 1))) == 1\n"
        "assert not {'numba', 'jax', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_z_scores_need_no_questions_answered_by_bm25():
    assert asyncio.run(_empty()) == ()


async def _empty():
    retriever = await Bm25Search().build([], embedder=None, index=None)
    return await retriever.retrieve("anything", 3)
