# ruff: noqa: INP001 - an application of its own, not a part of a package
"""A small RAG application: keyword search over the corpus, and the best passage as the answer.

evalkit calls `ingest` once with the corpus and `answer` for every question.
"""

from __future__ import annotations

from collections import Counter

DOCUMENTS: list[dict[str, str]] = []
STOP_WORDS = frozenset(
    "a an and are as at by for from in is it of on or the to was were who".split()
)


def ingest(documents: list[dict[str, str]]) -> None:
    """Keep the corpus: rows with `id`, `title` and `text`."""
    DOCUMENTS[:] = documents


def answer(question: str) -> dict[str, object]:
    """The first sentence of the passage that shares most words with the question."""
    asked = _words(question)
    ranked = sorted(DOCUMENTS, key=lambda row: -_shared(asked, row))[:3]
    passages = [
        {"document_id": row["id"], "title": row["title"], "text": row["text"]} for row in ranked
    ]
    if not ranked or not _shared(asked, ranked[0]):
        return {"text": "I don't know.", "passages": passages}
    return {"text": ranked[0]["text"].split(". ")[0].rstrip(".") + ".", "passages": passages}


def _shared(asked: Counter[str], row: dict[str, str]) -> int:
    return (asked & _words(f"{row['title']} {row['text']}")).total()


def _words(text: str) -> Counter[str]:
    plain = "".join(char if char.isalnum() else " " for char in text.casefold())
    return Counter(word for word in set(plain.split()) if word not in STOP_WORDS)
