"""The words of one call that nobody can know beforehand: a nonce, and a word a verdict.

Were the passing word always "supported", an answer could hold a reply that passes it. So every call
has its own words, drawn from a SHA-256 stream over all that the call consists of: another answer,
another repeat or another attempt has other words, and an unchanged call has the same ones, which is
what lets the response cache answer it.

How hard they are to name. A word has 7 syllables out of 90, 45.4 bits; the nonce has 10, 64.9 bits.
The data of a call never contains them: a draw that occurs in it, whatever stands between its
letters, is thrown away. A text of a million letters holds a given word with probability under
1e6 / 2^45 = 3e-8, and the loop below ends. There is no secret in the draw: whoever knows the whole
content of a call can compute its words, but not write them into it, because then they are others.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit import codec

SYLLABLES = tuple(f"{consonant}{vowel}" for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou")
WORD_SYLLABLES = 7
NONCE_SYLLABLES = 10

_NO_LETTERS = bytes(code for code in range(128) if not chr(code).islower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The words of one call: `words` maps what is meant to the word that says it.

    They stand in the order in which the prompt explains them, drawn as well: a text could order
    "the first of the words", and models lean towards some places.
    """

    nonce: str
    words: Mapping[str, str]

    @property
    def meanings(self) -> Mapping[str, str]:
        """What each word says."""
        return {word: meaning for meaning, word in self.words.items()}


def draw(content: Mapping[str, Any], meanings: tuple[str, ...]) -> Wording:
    """The wording of a call with this content: plain data, texts anywhere in it.

    Words have equal length and differ in their first syllable, so that a model which reads and
    writes from left to right tells them apart at once.
    """
    stream = _syllables(hashlib.sha256(codec.canonical(content)).digest())
    known = letters(_texts(content))
    order = sorted((next(stream), next(stream), meaning) for meaning in meanings)
    nonce = _unknown(stream, NONCE_SYLLABLES, known, frozenset())
    words: dict[str, str] = {}
    for *_, meaning in order:
        begun = frozenset(word[:2] for word in words.values())
        words[meaning] = _unknown(stream, WORD_SYLLABLES, known, begun)
    return Wording(nonce=nonce, words=words)


def letters(text: str) -> str:
    """The letters a to z of a text, in order: "S-u p—port" gives "support"."""
    plain = text if text.isascii() else unicodedata.normalize("NFKD", text).casefold()
    return plain.encode("ascii", "ignore").lower().translate(None, _NO_LETTERS).decode()


def _texts(value: Any) -> str:
    """All texts in plain data, each on a line of its own."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(map(_texts, value.values()))
    if isinstance(value, (list, tuple)):
        return "\n".join(map(_texts, value))
    return ""


def _unknown(stream: Iterator[str], syllables: int, known: str, begun: frozenset[str]) -> str:
    """The next word of the stream that `known` does not hold and that begins like no other."""
    while True:
        word = "".join(next(stream) for _ in range(syllables))
        if word not in known and word[:2] not in begun:
            return word


def _syllables(seed: bytes) -> Iterator[str]:
    """Syllables without end, each equally likely: bytes of 180 and more are passed over."""
    block = 0
    while True:
        for byte in hashlib.sha256(seed + block.to_bytes(8, "big")).digest():
            if byte < 2 * len(SYLLABLES):
                yield SYLLABLES[byte % len(SYLLABLES)]
        block += 1
