# ruff: noqa: INP001 - an application of its own, not a part of a package
"""A small RAG application: keyword search over the corpus, and the best sentence as the answer.

evalkit calls `ingest` once with the corpus and `answer` for every question.
"""

from __future__ import annotations

import re

DOCUMENTS: list[dict[str, str]] = []
PASSAGES = 3
STOP_WORDS = frozenset(
    "a an and are as at by can do does for from how in is it many much of on or that the to was "
    "were what when where which who".split()
)


def ingest(documents: list[dict[str, str]]) -> None:
    """Keep the corpus: rows with `id`, `title` and `text`."""
    DOCUMENTS[:] = documents


def answer(question: str) -> dict[str, object]:
    """The sentence that shares most words with the question, from the passages that share most."""
    asked = _words(question)
    ranked = sorted(
        DOCUMENTS, key=lambda row: -len(asked & _words(f"{row['title']} {row['text']}"))
    )
    found = ranked[:PASSAGES]
    passages = [
        {"document_id": row["id"], "title": row["title"], "text": row["text"]} for row in found
    ]
    sentences = [sentence for row in found for sentence in re.split(r"(?<=\.) ", row["text"])]
    best = max(sentences, key=lambda sentence: len(asked & _words(sentence)), default="")
    known = asked & _words(best)
    return {"text": best if known else "I don't know.", "passages": passages}


def _words(text: str) -> set[str]:
    """The words that carry meaning, without their endings."""
    found = re.findall(r"\w+", text.casefold())
    return {word.removesuffix("s") for word in found if word not in STOP_WORDS}
