"""What every registered way to search keeps."""

import asyncio

import pytest

from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.rag.indexes.flat import FlatIndex
from evalkit.rag.retrievers import RETRIEVERS
from evalkit.records import Chunk

QUESTION = "Where do blue whales feed?"
TEXTS = [
    "Blue whales feed on krill.",
    "Paris is in France.",
    "Blue is a colour.",
    "Blue is a colour.",
]


def chunk(n, text, title=""):
    return Chunk(id=f"d{n}#1", document_id=f"d{n}", title=title, text=text, start=0, end=len(text))


CHUNKS = [chunk(n, text) for n, text in enumerate(TEXTS)]
EMBEDDER = ScriptedEmbedder(
    dimensions=2,
    given={
        QUESTION: (1, 0), TEXTS[0]: (0.9, 0.44), TEXTS[1]: (0, 1), TEXTS[2]: (0.5, 0.87),
        "Whales. They eat.": (1, 0),
    },
)  # fmt: skip


def retrieved(name, question=QUESTION, k=4, chunks=CHUNKS, embedder=EMBEDDER, **options):
    async def run():
        kind = RETRIEVERS.get(name)(**options)
        retriever = await kind.build(chunks, embedder=embedder, index=FlatIndex())
        return await retriever.retrieve(question, k)

    return asyncio.run(run())


@pytest.fixture(params=RETRIEVERS.names())
def name(request):
    return request.param


def test_passages_are_ranked_and_complete(name):
    passages = retrieved(name)
    assert passages[0].document_id == "d0"
    assert [p.rank for p in passages] == list(range(1, len(passages) + 1))
    assert [p.similarity for p in passages] == sorted(
        (p.similarity for p in passages), reverse=True
    )
    assert passages == retrieved(name)
    assert len({p.chunk_id for p in passages}) == len(passages)


def test_ties_come_in_chunk_order(name):
    found = [p.document_id for p in retrieved(name)]
    assert found.index("d2") < found.index("d3")


def test_no_more_than_k_and_no_more_than_there_are(name):
    assert len(retrieved(name, k=1)) == 1
    assert len(retrieved(name, k=50)) <= len(CHUNKS)


@pytest.mark.parametrize("question", ["Who are you?", "xyzzy", "?"])
def test_a_question_without_a_known_word_is_no_error(name, question):
    assert len(retrieved(name, question, embedder=ScriptedEmbedder())) <= 4


def test_a_title_can_be_found(name):
    chunks = [*CHUNKS[1:], chunk(9, "They eat.", title="Whales")]
    assert retrieved(name, chunks=chunks)[0].document_id == "d9"


def test_chunks_without_words_are_no_error(name):
    assert len(retrieved(name, chunks=[chunk(1, "?!")])) <= 1
