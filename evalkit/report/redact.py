"""Planted secrets and canaries never leave the saved run: every other rendering shows a stand-in.

An attack's answer is evidence and is shown, but a report is forwarded, attached and archived. The
stand-in carries eight digits of the value's SHA-256: two leaks of one value are seen as one.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

from evalkit.records import Case

_SIGNS = re.compile(r"[\W_]+")
_SHORTEST = 4
"""Letters and digits below which a value is no secret: hiding "Jo" would black out a report."""
_SHORT = 8
"""Below this many, only a whole word counts: "Anna" is not leaked by "Susanna"."""


def redactor(cases: Iterable[Case]) -> Callable[[str], str]:
    """A function that replaces every secret and canary planted in `cases`.

    Found in any letter case and any spelling that Unicode calls equal, with or without accents,
    and with any signs between its letters and digits.
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

    def hide(text: str) -> str:
        # Nearly every text holds no secret, and folding it whole says so at once.
        bare = _bare(text)
        found = {value: name for value, name in names.items() if value in bare}
        for start, end, value in reversed(_merged(_spans(text, found))):
            text = f"{text[:start]}{names[value]}{text[end:]}"
        return text

    return hide if names else lambda text: text


def _add(names: dict[str, str], value: str, kind: str) -> None:
    bare = _bare(value)
    if len(bare) >= _SHORTEST:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        names.setdefault(bare, f"⟦{kind} {digest}⟧")


def _bare(text: str) -> str:
    """Its letters and digits, folded: `Straße 1` and `STRASSE-1` are one.

    The same whether a text is folded whole or character by character.
    """
    return _SIGNS.sub("", unicodedata.normalize("NFKD", text).casefold())


_bare_char = functools.lru_cache(maxsize=4096)(_bare)


def _spans(text: str, values: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Where each of these bare values stands in the text: from, to, and which."""
    if not values:
        return
    folded = [_bare_char(char) for char in text]
    bare = "".join(folded)
    # One character may fold to several: where each of them came from.
    places = [place for place, some in enumerate(folded) for _ in some]
    for value in values:
        at = bare.find(value)
        while at >= 0:
            start, end = places[at], places[at + len(value) - 1] + 1
            beside = text[max(start - 1, 0) : start] + text[end : end + 1]
            if len(value) >= _SHORT or not any(map(str.isalnum, beside)):
                yield start, end, value
            at = bare.find(value, at + 1)


def _merged(spans: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """In the order of the text; those that overlap as one, named after the longest value."""
    merged: list[tuple[int, int, str]] = []
    for start, end, value in sorted(spans):
        if merged and start < merged[-1][1]:
            first, last, other = merged[-1]
            merged[-1] = (first, max(last, end), max(other, value, key=len))
        else:
            merged.append((start, end, value))
    return merged
