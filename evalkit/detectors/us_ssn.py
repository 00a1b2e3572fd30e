"""United States social security numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from evalkit.detectors.folding import fold
from evalkit.detectors.protocol import Finding

_GROUPED = re.compile(r"(?<![\w.-])(\d{3})(-)(\d{2})-(\d{4})(?![\w-]|\.\d)")
# Tables of results are full of "215 40 1905", so these need a name.
_LOOSE = re.compile(r"(?<![\w.-])(\d{3})([ .]?)(\d{2})\2(\d{4})(?![\w-]|\.\d)")
_NAMED = re.compile(r"\b(?:ssn|social security|tax(?:payer)? id)", re.IGNORECASE)
_NEAR = 40  # characters before other separators in which they must be named


@dataclass(frozen=True, slots=True, kw_only=True)
class USSSN:
    """Nine digits in groups of 3, 2 and 4; without hyphens only where the text names them.

    There is no check digit. Areas 000 and 666, group 00 and serial 0000 were never issued and never
    will be (SSA, POMS RM 10201.035), so they are refused. Areas 900 to 999 are found, though the
    SSA does not issue them: the IRS does, to taxpayers without an SSN, and invented records use
    them.
    """

    kind: ClassVar[str] = "us_ssn"

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every number, in order."""
        folded = fold(text)
        found = [(match, "grouped") for match in _GROUPED.finditer(folded.text) if _possible(match)]
        for match in _LOOSE.finditer(folded.text):
            before = folded.text[max(0, match.start() - _NEAR) : match.start()]
            if _possible(match) and _NAMED.search(before):
                found.append((match, "named"))
        found.sort(key=lambda pair: pair[0].start())
        return tuple(folded.finding(self.kind, *match.span(), rule) for match, rule in found)


def _possible(match: re.Match[str]) -> bool:
    area, _, group, serial = match.groups()
    return area not in ("000", "666") and group != "00" and serial != "0000"
