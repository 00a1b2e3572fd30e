"""Telephone numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from evalkit.detectors.folding import fold
from evalkit.detectors.protocol import Finding

_BEFORE = r"(?<![\w+/.,$€£#-])(?<!\d )"
_AFTER = r"(?![\w/]|[.,-]\d| ?[%°])"
_EXTENSION = r"(?: ?(?:x|ext\.? ?)\d{1,6})?"
_INTERNATIONAL = re.compile(
    rf"(?<![\w+])\+[1-9]\d{{0,2}}(?:[ .-]?\(?\d{{1,5}}\)?){{2,6}}{_EXTENSION}{_AFTER}"
)
# The North American plan: neither the area nor the exchange begins with 0 or 1.
_NORTH_AMERICAN = re.compile(
    rf"{_BEFORE}(?:(?:001|1)[ .-])?"
    rf"(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])[2-9]\d\d[ .-]\d{{4}}{_EXTENSION}{_AFTER}"
)
_NATIONAL = re.compile(rf"{_BEFORE}\(?0[1-9]\d{{0,3}}\)?(?:[ .-]\d{{2,6}}){{1,4}}{_AFTER}")
_NAMED = re.compile(
    r"\b(?:tele)?phones?\b|\bfax\b|\bmobile\b|\bcell\b|\btel\b|\bcall(?:ed|ing)?\b|\bdial\b"
    r"|\bcontact\b|\breach\b|\btext me\b|\bsms\b|\bwhatsapp\b|\banswering\b|\bmessages to\b",
    re.IGNORECASE,
)
_GROUPS = re.compile(rf"{_BEFORE}\(?\d{{2,4}}\)?(?:[ .-]?\d{{2,6}}){{1,4}}{_EXTENSION}{_AFTER}")
_NEAR = 60  # characters before an unmarked number in which it must be called a telephone number
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d(?:[ -](?:1[5-9]|20)?\d\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """Numbers with a country code, in the North American form, or national ones that begin with 0.

    Other groups of 7 to 12 digits only where the text calls them a telephone number shortly before:
    there is no check digit, and years, sizes and counts look alike. A date or an order number after
    "call" can therefore be found too.
    """

    kind: ClassVar[str] = "phone"

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every number, in order, the longest where two rules overlap."""
        folded = fold(text)
        found: list[tuple[int, int, str]] = []
        for rule, pattern, fewest, most in (
            ("international", _INTERNATIONAL, 8, 15 + 6),
            ("north_american", _NORTH_AMERICAN, 10, 14 + 6),
            ("national", _NATIONAL, 9, 12),
            ("named", _GROUPS, 7, 13 + 6),
        ):
            for match in pattern.finditer(folded.text):
                digits = sum(character.isdigit() for character in match.group())
                if fewest <= digits <= most and (rule != "named" or _named(folded.text, match)):
                    found.append((*match.span(), rule))
        found.sort(key=lambda place: (place[0], -place[1]))
        kept: list[tuple[int, int, str]] = []
        for place in found:
            if not kept or place[0] >= kept[-1][1]:
                kept.append(place)
        return tuple(folded.finding(self.kind, *place) for place in kept)


def _named(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _NEAR) : match.start()]
    return not _YEARS.fullmatch(match.group()) and _NAMED.search(before) is not None
