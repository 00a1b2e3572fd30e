"""Where a judge's quote stands in the context it names.

A judge may say "supported" of anything; that it must point at words which are really there costs it
that freedom. Compared without regard to case, white space, and typographic forms of the same sign,
in which models differ from their sources without meaning to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from evalkit.judges.shown import clean
from evalkit.text import STOP_WORDS, words

_SAME = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
     "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-"}
)  # fmt: skip
_ASCII_SAME = {ord(char): " " for char in map(chr, range(128)) if char.isspace()} | {ord("`"): "'"}
_SPACES = re.compile("  +")
_AROUND = " \t\n\"'.,;:…“”‘’«»"
"""Signs that a judge puts around a quote."""


def located(quote: str, context: str) -> str:
    """The piece of `context` that the quote quotes, verbatim; empty where there is none.

    A quote without a word that carries meaning (".", "of the") is none.
    """
    wanted = quote.strip(_AROUND)
    if STOP_WORDS.issuperset(words(wanted)):
        return ""
    if _at(wanted, context) >= 0:
        return wanted
    text, places = _folded(context)
    sought, _ = _folded(wanted)
    found = _at(sought, text)
    return "" if found < 0 else context[places[found] : places[found + len(sought) - 1] + 1]


def _at(sought: str, text: str) -> int:
    """Where `sought` stands in `text` as whole words, "art" not in "party"; −1 where nowhere."""
    at = text.find(sought)
    while at >= 0 and (_joined(text, at) or _joined(text, at + len(sought))):
        at = text.find(sought, at + 1)
    return at


def _joined(text: str, border: int) -> bool:
    """Whether a word goes on across the border; scripts without case may not part their words."""
    around = text[border - 1 : border + 1] if border else ""
    return len(around) == 2 and all(
        sign.isdigit() or sign.lower() != sign.upper() for sign in around
    )


@lru_cache(maxsize=64)
def _folded(text: str) -> tuple[str, Sequence[int]]:
    """A text as it is compared, and the place in the text of each of its signs.

    White space is one space; what `clean` takes out of a shown text is passed over. Remembered,
    because every claim of an answer may quote the same few contexts.
    """
    if text.isascii():  # sign for sign, but for white space
        folded = text.lower().translate(_ASCII_SAME)
        if "  " not in folded:
            return folded, range(len(folded))
        kept = [i for i, pair in enumerate(pairwise(f"x{folded}")) if pair != (" ", " ")]
        return _SPACES.sub(" ", folded), kept
    signs: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        plain = _plain(char)
        if len(plain) == 1:
            if plain != " " or not signs or signs[-1] != " ":
                signs.append(plain)
                places.append(place)
        else:
            signs.extend(plain)
            places.extend([place] * len(plain))
    return "".join(signs), places


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    """One sign as it is compared; empty where people do not see it."""
    if char.isspace():
        return " "
    shown = char if char.isascii() else unicodedata.normalize("NFKC", clean(char))
    return shown.casefold().translate(_SAME)
