"""International bank account numbers (ISO 13616) with country length and check digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from evalkit.detectors.folding import Folded, fold
from evalkit.detectors.protocol import Finding

_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24,
    "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of an IBAN by country, from the SWIFT IBAN registry."""

_OPENING = re.compile(r"(?<![A-Z0-9])(?=([A-Z]{2})\d{2})", re.IGNORECASE)
_GLUE = " -"


@dataclass(frozen=True, slots=True, kw_only=True)
class IBAN:
    """Account numbers whose length is their country's and whose remainder modulo 97 is 1.

    In groups (single spaces or hyphens) or in one piece, in either case.
    """

    kind: ClassVar[str] = "iban"

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every account number, in order."""
        folded = fold(text)
        found = (self._at(folded, m.start(), m[1].upper()) for m in _OPENING.finditer(folded.text))
        return tuple(finding for finding in found if finding is not None)

    def _at(self, folded: Folded, start: int, country: str) -> Finding | None:
        wanted = _LENGTHS.get(country)
        if wanted is None:
            return None
        text, end, characters = folded.text, start, ""
        while len(characters) < wanted and end < len(text):
            character = text[end]
            glue = character in _GLUE and text[end - 1] not in _GLUE
            if not glue and not (character.isascii() and character.isalnum()):
                return None
            characters += "" if glue else character.upper()
            end += 1
        ends_there = end == len(text) or not text[end].isalnum()
        if len(characters) < wanted or not ends_there or not mod_97(characters):
            return None
        return folded.finding(self.kind, start, end, "mod_97")


def mod_97(iban: str) -> bool:
    """Whether the check digits of an IBAN without spaces are right (ISO 7064, MOD 97-10)."""
    rotated = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in rotated)) % 97 == 1
