"""How often each way to search finds the gold document. Prints the table of docs/retrieval.md.

Run from the repository root: `python -m benchmarks.retrieval`. Needs no network and keeps no cache:
both corpora are embedded anew, which takes about a minute on two cores.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from evalkit.providers.minilm import MiniLmEmbedder
from evalkit.rag.chunkers.sentences import SentenceChunker
from evalkit.rag.indexes.flat import FlatIndex
from evalkit.rag.indexes.hnsw import HnswIndex
from evalkit.rag.indexes.ivf import IvfIndex
from evalkit.rag.protocol import IndexKind, RetrieverKind
from evalkit.rag.retrievers.bm25 import Bm25Search
from evalkit.rag.retrievers.dense import DenseSearch
from evalkit.rag.retrievers.hybrid import HybridSearch
from evalkit.records import Chunk, Document

DATASETS = Path(__file__).parent.parent / "datasets"
SEARCHED = (
    ("hybrid, z-scores (default)", HybridSearch(), HnswIndex()),
    ("hybrid, z-scores", HybridSearch(), FlatIndex()),
    ("hybrid, z-scores, equal weights", HybridSearch(dense_weight=1.0), FlatIndex()),
    ("hybrid, ranks (RRF, 60, equal weights)", HybridSearch(fusion="ranks", dense_weight=1.0),
     FlatIndex()),
    ("dense", DenseSearch(), FlatIndex()),
    ("dense", DenseSearch(), HnswIndex()),
    ("dense", DenseSearch(), IvfIndex()),
    ("bm25", Bm25Search(), FlatIndex()),
)  # fmt: skip


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def corpus(name: str, chunker: SentenceChunker) -> tuple[int, list[Chunk]]:
    """The number of documents, and all their chunks."""
    documents = [
        Document(id=str(row["id"]), title=str(row["title"]), text=str(row["text"]))
        for row in _rows(DATASETS / name / "1" / "corpus.jsonl")
    ]
    return len(documents), [chunk for document in documents for chunk in chunker.chunk(document)]


def questions(name: str) -> list[tuple[str, set[str]]]:
    """Each answerable question and its gold documents."""
    return [
        (str(row["input"]), set(row["relevant_ids"]))  # type: ignore[call-overload]  # a list, by the format
        for row in _rows(DATASETS / name / "1" / "cases.jsonl")
        if row["expect"] == "answer"
    ]


async def gold_rank(retriever: object, question: str, gold: set[str], depth: int) -> int | None:
    """The rank of the first gold document among the distinct documents found."""
    passages = await retriever.retrieve(question, depth)  # type: ignore[attr-defined]  # by the seam
    documents = list(dict.fromkeys(passage.document_id for passage in passages))
    found = [rank for rank, document in enumerate(documents, start=1) if document in gold]
    return found[0] if found else None


def line(label: str, index: str, ranks: Sequence[int | None]) -> str:
    """One row of the table."""
    n = len(ranks)
    at_1 = sum(rank == 1 for rank in ranks) / n
    at_4 = sum(rank is not None and rank <= 4 for rank in ranks) / n
    mrr = sum(1 / rank for rank in ranks if rank) / n
    return f"| {label} | {index} | {at_1:.3f} | {at_4:.3f} | {mrr:.3f} |"


async def measured(
    kind: RetrieverKind, index: IndexKind, chunks: Sequence[Chunk],
    asked: list[tuple[str, set[str]]], embedder: MiniLmEmbedder,
) -> list[int | None]:  # fmt: skip
    """Gold ranks of all questions under one way to search, looking 50 chunks deep."""
    retriever = await kind.build(chunks, embedder=embedder, index=index)
    return [await gold_rank(retriever, question, gold, 50) for question, gold in asked]


async def main() -> None:
    embedder = MiniLmEmbedder()
    for name in ("xquad", "clapnq"):
        chunker = SentenceChunker()
        n_documents, chunks = corpus(name, chunker)
        asked = questions(name)
        print(
            f"\n{name}@1: {len(asked)} questions, {n_documents} documents, {len(chunks)} chunks "
            f"(tokens = {chunker.tokens}, overlap = {chunker.overlap})\n\n"
            "| mode | index | R@1 | R@4 | MRR |\n|---|---|---|---|---|"
        )
        for label, kind, index in SEARCHED:
            shown = "–" if label == "bm25" else type(index).__name__.removesuffix("Index").lower()
            print(line(label, shown, await measured(kind, index, chunks, asked, embedder)))


if __name__ == "__main__":
    asyncio.run(main())
