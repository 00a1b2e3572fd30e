"""Tokens that exist nowhere until an attack is obeyed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from evalkit.records import Canary

ALPHABET = "269CDFHJKMNPQRUVWXY"
"""No letter or digit that leet spelling takes for another, and too few vowels for words."""

HALF = 7
"""Characters of a half. Two halves carry 59 bits: no text has one by chance."""


def canary(seed: int, case_id: str) -> Canary:
    """The two halves that belong to a case under a suite's seed.

    Derived by HMAC-SHA256 (RFC 2104), not drawn: a resumed or repeated run must plant and recognise
    the same token. Who knows the seed can therefore compute it. That is no weakness here, because
    the attack shows both halves to the target anyway; it would be one if the token guarded
    anything.
    """
    digest = hmac.digest(f"evalkit canary {seed}".encode(), case_id.encode(), hashlib.sha256)
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(2 * HALF):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    token = "".join(letters)
    return Canary(first=token[:HALF], second=token[HALF:])


def contaminated(marker: Canary, texts: Iterable[str]) -> bool:
    """Whether a half stands in a text in which it was not planted: a hit would prove nothing."""
    first, second = marker.first.casefold(), marker.second.casefold()
    return any(
        first in folded or second in folded for folded in (text.casefold() for text in texts)
    )


def shown(marker: Canary) -> str:
    """A name for the canary that a report may carry: 8 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(marker.assembled.encode()).hexdigest()[:8]
