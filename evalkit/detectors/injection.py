"""Instruction-like text aimed at a model, found by rules."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from evalkit.detectors.decoding import decoded
from evalkit.detectors.folding import Folded, fold, to_ascii
from evalkit.detectors.injection_rules import ANYWHERE, COMMENT, USER_ONLY
from evalkit.detectors.protocol import Finding

Channel = Literal["document", "user"]

_TAGS = re.compile("[\U000e0020-\U000e007e]{3,}+\U000e007f?")
_FLAG = "\U0001f3f4"  # a black flag and tag letters are the flag of Scotland, Wales or England
_ZERO_WIDTH = re.compile("(?<=[A-Za-z])[\u200b-\u200d\u2060\ufeff]+(?=[A-Za-z])")
_ZERO_WIDTHS = 3  # one may be a copied line break
_BIDI = re.compile("[\u202d\u202e]")
_HIDING_STYLE = re.compile(
    r"display\s?:\s?none|visibility\s?:\s?hidden|font-size\s?:\s?0(?![.\d])|opacity\s?:\s?0(?![.\d])"
    r"|[\"; ]color\s?:\s?(?:white|#fff(?:fff)?)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[a-z]{1,14}[,.:'!?]? ", re.IGNORECASE)
_FEWEST_WORDS = 4
_SHIFTS = (3, 13, 23)  # Caesar's, ROT13, and Caesar's undone
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
# Checked before the rules, which are slower, read a shifted text.
_TELLTALE = re.compile(r"instruct|previous|ignore|disregard|prompt|answer|respon", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """Text that tells a model what to do, where a document or a question should not.

    `channel` says what the text is: a question may not ask for passwords or play games with roles,
    but a document may well contain questions and answers. Rules are named in
    `evalkit.detectors.injection_rules`; besides them `hidden_tags`, `zero_width`, `bidi_override`,
    `hiding_style`, `html_comment`, and `encoded_instruction` for prose in Base64, hex and the like
    and for a rule that speaks only of look-alike letters or after a Caesar shift.

    Rules of words know what their author thought of: an attacker who knows them can go round
    them. `docs/detectors.md` has the measured recall by technique.
    """

    kind: ClassVar[str] = "injection"
    channel: Channel = "document"

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every sign, in order; one text may show several rules in one place."""
        folded = fold(text)
        found = [*self._by_rule(folded), *self._hidden(text), *self._comments(folded)]
        found += self._disguised(folded)
        return tuple(sorted(set(found), key=lambda f: (f.start, f.end, f.rule)))

    def _by_rule(self, folded: Folded) -> Iterator[Finding]:
        rules = ANYWHERE if self.channel == "document" else ANYWHERE | USER_ONLY
        for name, pattern in rules.items():
            for match in pattern.finditer(folded.text):
                yield folded.finding(self.kind, *match.span(), name)

    def _hidden(self, text: str) -> Iterator[Finding]:
        whole = Folded(text, text, None)
        for match in _TAGS.finditer(text):
            if text[match.start() - 1 : match.start()] != _FLAG:
                yield whole.finding(self.kind, *match.span(), "hidden_tags")
        widths = list(_ZERO_WIDTH.finditer(text))
        if len(widths) >= _ZERO_WIDTHS:
            yield whole.finding(self.kind, widths[0].start(), widths[-1].end(), "zero_width")
        for rule, pattern in (("bidi_override", _BIDI), ("hiding_style", _HIDING_STYLE)):
            for match in pattern.finditer(text):
                yield whole.finding(self.kind, *match.span(), rule)

    def _comments(self, folded: Folded) -> Iterator[Finding]:
        """Comments with an order in them. `str.find`, since a pattern would be quadratic."""
        end = 0
        while (start := folded.text.find("<!--", end)) >= 0:
            closed = folded.text.find("-->", start)
            end = closed + 3 if closed >= 0 else len(folded.text)
            if COMMENT.search(folded.text, start, end):
                yield folded.finding(self.kind, start, end, "html_comment")

    def _disguised(self, folded: Folded) -> Iterator[Finding]:
        """Rules that speak only of another reading of the text; the finding spans all of it."""
        if not folded.text:
            return
        ascii_text = to_ascii(folded.text)
        hidden = [text for kind, text in decoded(ascii_text) if kind != "decimal"]
        shifted = (_shifted(ascii_text, shift) for shift in _SHIFTS)
        readings = [text for text in shifted if _TELLTALE.search(text)]
        if ascii_text != folded.text:
            readings.append(ascii_text)
        readings += hidden
        if any(map(_is_prose, hidden)) or any(
            pattern.search(reading) for reading in readings for pattern in ANYWHERE.values()
        ):
            yield folded.finding(self.kind, 0, len(folded.text), "encoded_instruction")


def _is_prose(text: str) -> bool:
    """Whether a decoded text is nearly all words: nobody encodes a sentence for a human reader."""
    words = _WORDS.findall(text)
    return len(words) >= _FEWEST_WORDS and sum(map(len, words)) >= 0.8 * len(text)


def _shifted(text: str, shift: int) -> str:
    if shift == 13:
        return codecs.encode(text, "rot13")
    turned = _ALPHABET[shift:] + _ALPHABET[:shift]
    return text.translate(str.maketrans(_ALPHABET + _ALPHABET.upper(), turned + turned.upper()))
