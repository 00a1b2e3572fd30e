"""The WordPiece tokenizer of the shipped embedder: the unit that chunk sizes and usage count in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

VOCABULARY = Path(__file__).parent / "weights" / "minilm" / "tokenizer.json"


class WordPiece:
    """Counts tokens and says where they stand; never truncates, adds no special tokens.

    The vocabulary is loaded by the first text. Safe to use from several threads.
    """

    def __init__(self, path: Path = VOCABULARY) -> None:
        self._path = path
        self._loaded: Any = None

    def count(self, text: str) -> int:
        """Tokens in `text`; 0 for white space."""
        return len(self._encode(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character offsets `(start, end)` of each token, in order.

        White space and control characters belong to no token.
        """
        return [(start, end) for start, end in self._encode(text).offsets if end > start]

    def _encode(self, text: str) -> Any:
        if self._loaded is None:
            # Here and not above: importing evalkit must stay cheap.
            from tokenizers import Tokenizer  # noqa: PLC0415 - as the line above says

            loaded = Tokenizer.from_file(str(self._path))
            loaded.no_truncation()
            loaded.no_padding()
            self._loaded = loaded
        # Lone surrogates cannot cross into the Rust library; one unknown character stands for each.
        plain = text.encode("utf-8", "replace").decode() if not text.isascii() else text
        return self._loaded.encode(plain, add_special_tokens=False)


@cache
def wordpiece() -> WordPiece:
    """The shipped tokenizer; one for the process, because its vocabulary takes 10 MB."""
    return WordPiece()
