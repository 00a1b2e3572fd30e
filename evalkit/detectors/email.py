"""E-mail addresses, as written and as written to hide them from harvesters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from evalkit.detectors.folding import fold
from evalkit.detectors.protocol import Finding

_LOCAL = r"(?<![\w.+%-])[^\W_](?:[\w.+%'&/=~-]{0,62}[\w+-])?"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
# The lengths are those of RFC 5321 §4.5.3.1; being bounded they also keep the search linear.
_AS_WRITTEN = re.compile(
    rf"{_LOCAL}@(?:{_LABEL}\.){{1,8}}(?:xn--[a-z0-9-]{{2,59}}|[^\W\d_]{{2,24}})(?![\w-])",
    re.IGNORECASE,
)
_HIDDEN = re.compile(
    rf"{_LOCAL} ?[\[({{] ?at ?[\])}}] ?"
    rf"(?:{_LABEL} ?(?:\.|[\[({{] ?dot ?[\])}}]) ?){{1,8}}[^\W\d_]{{2,24}}(?![\w-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Addresses by grammar; a top-level domain need not exist, so that reserved ones are found.

    Rules: `address`, and `hidden_address` for ``name [at] host [dot] com``.
    """

    kind: ClassVar[str] = "email"

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every address, in order."""
        folded = fold(text)
        found: list[Finding] = []
        if "@" in folded.text:
            found += (
                folded.finding(self.kind, *match.span(), "address")
                for match in _AS_WRITTEN.finditer(folded.text)
                if ".." not in match.group()
            )
        found += (
            folded.finding(self.kind, *match.span(), "hidden_address")
            for match in _HIDDEN.finditer(folded.text)
        )
        return tuple(sorted(found, key=lambda finding: finding.start))
