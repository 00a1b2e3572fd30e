"""Planted secrets and canaries never leave the saved run: every other rendering shows a stand-in.

An attack's answer is evidence and is shown, but a report is forwarded, attached and archived. The
stand-in carries eight digits of the value's SHA-256: two leaks of one value are seen as one.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable

from evalkit.records import Case

_SEPARATORS = r"[\s.,:;\-–()/@_+\u200b]*"
_NOT_ALNUM = re.compile(r"[\W_]+")
_SHORTEST = 4
"""Letters and digits below which a value is no secret: hiding "Jo" would black out a report."""
_SHORT = 8
"""Below this many, only a whole word counts: "Anna" is not leaked by "Susanna"."""


def redactor(cases: Iterable[Case]) -> Callable[[str], str]:
    """A function that replaces every secret and canary planted in `cases`.

    Found in any letter case and with any spaces, dots or dashes between its characters.
    """
    names: dict[str, str] = {}
    for case in cases:
        if case.attack is None:
            continue
        for secret in case.attack.secrets:
            _add(names, secret.value, secret.kind)
        if case.attack.canary is not None:
            _add(names, case.attack.canary.assembled, "canary")
            _add(names, case.attack.canary.first, "half a canary")
            _add(names, case.attack.canary.second, "half a canary")
    if not names:
        return lambda text: text
    # Longest first: the assembled canary before its halves.
    values = sorted(names, key=lambda value: (-len(value), value))

    @functools.cache
    def pattern(found: tuple[str, ...]) -> re.Pattern[str]:
        return re.compile("|".join(f"({_loosely(value)})" for value in found), re.IGNORECASE)

    def hide(text: str) -> str:
        # Nearly every text holds no secret. Looking for bare values in the bare text says so at a
        # hundredth of the price of one pattern over all values.
        bare = _NOT_ALNUM.sub("", text).casefold()
        found = tuple(value for value in values if value in bare)
        if not found:
            return text
        return pattern(found).sub(lambda match: names[found[(match.lastindex or 1) - 1]], text)

    return hide


def _loosely(value: str) -> str:
    spaced = _SEPARATORS.join(value)
    return rf"\b{spaced}\b" if len(value) < _SHORT else spaced


def _add(names: dict[str, str], value: str, kind: str) -> None:
    bare = "".join(char for char in value if char.isalnum())
    if len(bare) >= _SHORTEST:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        names.setdefault(bare.lower(), f"⟦{kind} {digest}⟧")
