"""Internet addresses, versions 4 and 6."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import ClassVar

from evalkit.detectors.folding import fold
from evalkit.detectors.protocol import Finding

_V4 = re.compile(r"(?<![\w.:-])\d{1,3}(?:\.\d{1,3}){3}(?![\w:-]|\.\w)")
_V6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f]{0,4}:)[0-9a-f:]{3,45}+(?:\.\d{1,3}){0,3}(?![\w:]|\.\w)", re.IGNORECASE
)
# A dotted version or section number has the same shape; only the word before it tells.
_NUMBERED = re.compile(r"(?:\bversion|\bv\.?|\bsections?|\bchapter|\brelease|§)\s?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class IPAddress:
    """Addresses that the standard library can parse, less version and section numbers.

    A version 6 address needs two groups and a digit, so that `a::b` in source code is none.
    Rules: `v4`, `v6`.
    """

    kind: ClassVar[str] = "ip_address"

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every address, in order."""
        folded = fold(text)
        found = []
        for rule, pattern in (("v4", _V4), ("v6", _V6)):
            for match in pattern.finditer(folded.text):
                before = folded.text[max(0, match.start() - 12) : match.start()]
                if _parses(match.group(), rule) and not _NUMBERED.search(before):
                    found.append(folded.finding(self.kind, *match.span(), rule))
        return tuple(sorted(found, key=lambda finding: finding.start))


def _parses(written: str, rule: str) -> bool:
    if rule == "v6":
        groups = [group for group in written.split(":") if group]
        if len(groups) < 2 or not any(character.isdigit() for character in written):
            return False
    try:
        return ipaddress.ip_address(written).version == (4 if rule == "v4" else 6)
    except ValueError:
        return False
