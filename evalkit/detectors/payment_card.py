"""Payment card numbers: 12 to 19 digits of a known issuer's range that pass the Luhn check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from evalkit.detectors.folding import fold
from evalkit.detectors.protocol import Finding

_RUN = re.compile(r"(?<!\d)\d(?:[ -]?\d)*+")
_GROUP = re.compile(r"\d+")
_LENGTHS = range(12, 20)
_LENGTHS_INSIDE = range(13, 20)  # 12 digits exist, but there are too many windows of 12 to look at
_SHORTEST_GROUP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCard:
    """Card numbers, also grouped by single spaces or hyphens, and inside a longer run of groups.

    The Luhn check (ISO/IEC 7812-1 annex B) lets one number in ten pass by chance, so the first
    digits must also belong to a payment network: 1800, 2131, 2221-2720, 3, 4, 5 or 6.
    """

    kind: ClassVar[str] = "payment_card"

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every card number, in order, none inside another."""
        folded = fold(text)
        return tuple(
            folded.finding(self.kind, start, end, "luhn")
            for run in _RUN.finditer(folded.text)
            for start, end in _cards(folded.text, run.start(), run.end())
        )


def _cards(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The places of card numbers in one run of digits, which begin and end with a group."""
    groups = [(start + m.start(), start + m.end()) for m in _GROUP.finditer(text[start:end])]
    if sum(right - left for left, right in groups) in _LENGTHS and _is_card(text[start:end]):
        yield start, end
        return
    # Inside a longer run, only groups of three digits or more: every window over a page of single
    # digits would cost minutes, and no card is printed so.
    first = 0
    while first < len(groups):
        digits = ""
        taken = None
        for last in range(first, len(groups)):
            left, right = groups[last]
            digits += text[left:right]
            if right - left < _SHORTEST_GROUP or len(digits) > max(_LENGTHS):
                break
            if len(digits) in _LENGTHS_INSIDE and _is_card(digits):
                taken = last  # the longest one that fits
        if taken is None:
            first += 1
        else:
            yield groups[first][0], groups[taken][1]
            first = taken + 1


def _is_card(written: str) -> bool:
    digits = "".join(character for character in written if character.isdigit())
    opening = int(digits[:4])
    of_a_network = digits[0] in "3456" or 2221 <= opening <= 2720 or opening in (1800, 2131)
    return of_a_network and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of those before it."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(n // 10 + n % 10 for n in doubled) % 10 == 0
