"""What `embedded/extractive` answers, and when it abstains, behind the default pipeline.

Prints the tables of docs/embedded-generator.md. Run from the repository root:
`python -m benchmarks.extractive`. Needs no network; takes some minutes on two cores.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.retrieval import DATASETS, _rows
from evalkit.prompts import load_prompt
from evalkit.providers.extractive import DEFAULT_ABSTENTION, ExtractiveModel
from evalkit.providers.minilm import MiniLmEmbedder
from evalkit.rag.chunkers.sentences import SentenceChunker
from evalkit.rag.indexes.hnsw import HnswIndex
from evalkit.rag.pipeline import RagConfig, RagPipeline
from evalkit.rag.retrievers.hybrid import HybridSearch
from evalkit.records import Document
from evalkit.text import words

ROOT = DATASETS.parent
EVERY = 4
"""Of XQuAD's cases outside `ci`, each fourth was used to calibrate."""


def overlap(answer: str, references: Iterable[str]) -> float:
    """Token F1 against the best reference."""
    return max(_f1(Counter(words(answer)), Counter(words(text))) for text in references)


def _f1(one: Counter[str], other: Counter[str]) -> float:
    return 2 * (one & other).total() / ((one.total() + other.total()) or 1)


def holds(answer: str, references: Iterable[str]) -> bool:
    """Whether a short reference stands in the answer."""
    return any(text.casefold() in answer.casefold() for text in references)


def share(values: Sequence[float | bool]) -> str:
    """A mean with its denominator."""
    return f"{sum(values) / len(values):.3f} ({len(values)})" if values else "–"


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        embedder = MiniLmEmbedder(cache=Path(folder))
        for version in ("answer_from_context@1", "answer_from_context@2"):
            print(f"\n{version}\n\n{HEAD}")
            for name in ("clapnq", "xquad"):
                for label, rows in slices(name):
                    print(await measured(name, label, rows, version, embedder), flush=True)


HEAD = (
    "| dataset, cases | answerable: answered | token F1 | reference in answer | words an answer "
    "| unanswerable: abstained |\n|---|---|---|---|---|---|"
)


def slices(name: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """The `ci` slice, and the cases the weights were fitted on."""
    rows = _rows(DATASETS / name / "1" / "cases.jsonl")
    held = set(json.loads((DATASETS / name / "1" / "slices.json").read_text("utf-8"))["ci"]["ids"])
    used = [
        row
        for i, row in enumerate(rows)
        if row["id"] not in held and (name == "clapnq" or i % EVERY == 0)
    ]
    return [
        ("ci", [row for row in rows if row["id"] in held]),
        ("calibration", used),
    ]


async def measured(
    name: str, label: str, cases: list[dict[str, Any]], version: str, embedder: MiniLmEmbedder
) -> str:
    """One row of the table."""
    config = RagConfig(
        prompt=load_prompt(ROOT, version),
        chunker=SentenceChunker(),
        index=HnswIndex(),
        retriever=HybridSearch(),
        k=5,
    )
    pipeline = RagPipeline(config, generator=ExtractiveModel(embedder), embedder=embedder)
    await pipeline.ingest(
        [
            Document(id=str(row["id"]), title=str(row["title"]), text=str(row["text"]))
            for row in _rows(DATASETS / name / "1" / "corpus.jsonl")
        ]
    )
    answers = [(await pipeline.answer(case["input"])).text for case in cases]
    answerable = [
        (text, case["references"])
        for text, case in zip(answers, cases, strict=True)
        if case["expect"] == "answer"
    ]
    given = [(text, refs) for text, refs in answerable if text != DEFAULT_ABSTENTION]
    abstained = [
        text == DEFAULT_ABSTENTION
        for text, case in zip(answers, cases, strict=True)
        if case["expect"] == "abstain"
    ]
    length = sum(len(words(text)) for text, _ in given) / len(given)
    cells = (
        f"{name}@1 {label}",
        share([text != DEFAULT_ABSTENTION for text, _ in answerable]),
        share([overlap(text, refs) for text, refs in given]),
        share([holds(text, refs) for text, refs in given]) if name == "xquad" else "–",
        f"{length:.0f}",
        share(abstained),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    asyncio.run(main())
