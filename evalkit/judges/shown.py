"""Texts as a judge is shown them: without what people cannot see, and of bounded length.

Tag characters, bidi controls, zero-width characters and terminal sequences say something to a model
that nobody who reads the answer sees. They are taken out, here and in what the judge replies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalkit.errors import JudgeError

MAX_TEXT = 20_000
"""Characters of one text. A longer context is shown by its two ends; a longer answer is refused."""
MAX_TOTAL = 200_000
"""Characters of all units, and of all contexts, of a call; escaped, both fit a rendered prompt."""
MAX_UNITS = 200
"""Claims, contexts or sentences of one call."""

_TERMINAL = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
)
_DROPPED = re.compile(f"{_TERMINAL}|{_INVISIBLE}")
_JOINERS = re.compile(
    "(?<=([^\x00-\x7f]))[\u200c\u200d](?=[^\x00-\x7f\u200c\u200d])|[\u200c\u200d]"
)
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text as people see it: line ends are line feeds, and nothing in it is invisible.

    A zero-width (non-)joiner between two non-ASCII characters stays: Persian, Hindi and emoji need
    it. Emoji lose their variation selectors.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _DROPPED.sub("", _LINE_ENDS.sub("\n", text))
    return _JOINERS.sub(lambda found: found[0] if found[1] else "", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Units with their ids, as data of a prompt; `note` says what was left out, if anything."""

    texts: dict[str, str]
    note: str = ""

    def items(self, ids: Iterable[str] | None = None) -> list[dict[str, str]]:
        """The units with these ids, all by default, as a template takes them."""
        return [{"id": unit, "text": self.texts[unit]} for unit in (ids or self.texts)]


def judged(prefix: str, units: Sequence[str]) -> Shown:
    """Units that get a verdict, by the ids `<prefix>1`, `<prefix>2` and so on.

    Raises `JudgeError` where they are too many or one is too long: what stands in a part that was
    left out would go unjudged.
    """
    texts = {f"{prefix}{i}": clean(unit) for i, unit in enumerate(units, start=1)}
    for unit, text in texts.items():
        whole(unit, text)
    return _bounded(Shown(texts=texts))


def compared(prefix: str, contexts: Sequence[str]) -> Shown:
    """Contexts that units are compared with; of one that is too long the two ends are shown."""
    texts = {f"{prefix}{i}": clean(context) for i, context in enumerate(contexts, start=1)}
    long = {unit: len(text) - MAX_TEXT for unit, text in texts.items() if len(text) > MAX_TEXT}
    for unit in long:
        texts[unit] = _ends(texts[unit])
    cut = ", ".join(f"{unit} less {left:,} characters of its middle" for unit, left in long.items())
    return _bounded(Shown(texts=texts, note=f"the judge was shown {cut}" if cut else ""))


def whole(what: str, text: str) -> str:
    """The text. Raises `JudgeError` where it is too long to be judged whole."""
    if len(text) > MAX_TEXT:
        raise JudgeError(
            f"{what} has {len(text):,} characters; the judge reads at most {MAX_TEXT:,}"
        )
    return text


def _ends(text: str) -> str:
    half = MAX_TEXT // 2
    left = len(text) - 2 * half
    return f"{text[:half]}\n[… {left:,} characters left out …]\n{text[-half:]}"


def _bounded(shown: Shown) -> Shown:
    total = sum(map(len, shown.texts.values()))
    if len(shown.texts) > MAX_UNITS or total > MAX_TOTAL:
        raise JudgeError(
            f"{len(shown.texts)} texts of {total:,} characters in all; the judge reads at most "
            f"{MAX_UNITS} and {MAX_TOTAL:,}"
        )
    return shown
