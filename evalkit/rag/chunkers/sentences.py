"""Whole sentences, up to a size, with whole sentences of overlap."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from evalkit.providers.tokenizer import wordpiece
from evalkit.records import Chunk, Document
from evalkit.text import sentences

Extent = tuple[int, int, int]
"""Start and end in characters, size in tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceChunker:
    """Chunks of at most `tokens` tokens that share at most `overlap` tokens with the one before.

    Tokens are those of the shipped embedder. A sentence is split only where it alone is larger than
    a chunk, and then between words where it has any. Every non-space character of the document
    lies in a chunk; `document.text[chunk.start:chunk.end] == chunk.text`. Ids number the chunks of
    a document from 1: the same text and options give the same ids.
    """

    tokens: int = 160
    overlap: int = 32

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise ValueError(f"tokens must be at least 1, got {self.tokens}")
        if not 0 <= self.overlap < self.tokens:
            raise ValueError(
                f"overlap must be from 0 to below tokens ({self.tokens}), got {self.overlap}"
            )

    def chunk(self, document: Document) -> tuple[Chunk, ...]:
        return tuple(
            Chunk(
                id=f"{document.id}#{number}",
                document_id=document.id,
                title=document.title,
                text=document.text[start:end],
                start=start,
                end=end,
            )
            for number, (start, end) in enumerate(_extents(self, document.text), start=1)
        )

    def extents(self, text: str) -> list[tuple[int, int]]:
        """Where each chunk starts and ends."""
        made: list[tuple[int, int]] = []
        current: list[Extent] = []
        for piece in self._pieces(text):
            if current and _size(current) + piece[2] > self.tokens:
                made.append((current[0][0], current[-1][1]))
                current = self._carried(current, room=self.tokens - piece[2])
            current.append(piece)
        return [*made, (current[0][0], current[-1][1])] if current else made

    def _carried(self, chunk: list[Extent], *, room: int) -> list[Extent]:
        """The last sentences of a chunk that its successor repeats."""
        kept: list[Extent] = []
        for piece in reversed(chunk[1:]):
            if _size(kept) + piece[2] > min(self.overlap, room):
                break
            kept.insert(0, piece)
        return kept

    def _pieces(self, text: str) -> list[Extent]:
        """The sentences, those larger than a chunk in parts."""
        tokens = wordpiece().offsets(text)
        starts = [start for start, _ in tokens]
        pieces: list[Extent] = []
        for span in sentences(text):
            first, last = bisect_left(starts, span.start), bisect_left(starts, span.end)
            if last - first <= self.tokens:
                pieces.append((span.start, span.end, last - first))
            else:
                pieces.extend(self._split(text, span.start, span.end, tokens[first:last]))
        return pieces

    def _split(
        self, text: str, start: int, end: int, tokens: list[tuple[int, int]]
    ) -> list[Extent]:
        """One sentence in parts of at most a chunk each."""
        parts: list[Extent] = []
        while tokens:
            taken = min(self.tokens, len(tokens))
            if taken < len(tokens):
                taken = _last_word_start(tokens, taken)
            # A word cut in two may tokenise into more pieces than it had.
            while taken > 1 and wordpiece().count(text[start : tokens[taken - 1][1]]) > self.tokens:
                taken -= 1
            # Up to the next token: characters that are no token must not fall between two parts.
            until = tokens[taken][0] if taken < len(tokens) else end
            stop = start + len(text[start:until].rstrip())
            parts.append((start, stop, wordpiece().count(text[start:stop])))
            tokens = tokens[taken:]
            if tokens:
                start = tokens[0][0]
        return parts


@lru_cache(maxsize=4096)  # suites share most of their documents, and this reads every token
def _extents(chunker: SentenceChunker, text: str) -> tuple[tuple[int, int], ...]:
    return tuple(chunker.extents(text))


def _size(pieces: list[Extent]) -> int:
    return sum(size for _, _, size in pieces)


def _last_word_start(tokens: list[tuple[int, int]], limit: int) -> int:
    """The last place at or before `limit` where a token follows a space, else `limit` itself."""
    return next((i for i in range(limit, 0, -1) if tokens[i - 1][1] < tokens[i][0]), limit)
