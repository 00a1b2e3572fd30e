"""One spelling for text that looks the same: hidden characters out, look-alikes to ASCII.

Both foldings work on one character at a time, so that time is linear and places can be mapped back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.detectors.protocol import Finding

# Letters that look like the ASCII letter beside them, and that no Unicode decomposition relates to
# it. Case matters: a capital Greek Nu looks like N, a small one like v.
_LOOK_ALIKES = (
    ("АВСЕНІЈКМОРԚЅТУѴԜХҒԌԀ", "ABCEHIJKMOPQSTYVWXFGD"),
    ("авсенгіјкмопрԛѕтуѵԝхԁһц", "abcehrijkmonpqstyvwxdhu"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ", "ABEZHIKMNOPTYXCJ"),
    ("αβγεηικνοπρτυχϲϳω", "abyeniKvonptuxcjw"),
    ("ՍՏօոսցհյզ", "USonughjq"),
    ("ᎠᎡᎢᎪᎫᎬᎳᎷᎻᏀᏃᏆᏞᏟᏢᏦᏴᏙᏚ", "DRTAJEWMHGZTLCPKBVS"),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz"),
)
_TO_ASCII = {
    ord(character): letter
    for characters, letters in _LOOK_ALIKES
    for character, letter in zip(characters, letters, strict=True)
} | {0x2022: ".", 0x00B7: ".", 0x2219: ".", 0x2212: "-"}
# White letters on a black disc or square, and the letters that make up flags: no decomposition.
_LETTER_BLOCKS = (0x1F150, 0x1F170, 0x1F1E6)
_REMEMBERED = 20_000
_LONGEST_PART = 4  # a few characters decompose into whole phrases and would multiply a hostile text


class _Table(dict[int, str]):
    """A translation table that works out a character when it first meets it."""

    def __init__(self, spelled: Callable[[int], str]) -> None:
        super().__init__()
        self._spelled = spelled

    def __missing__(self, code: int) -> str:
        spelled = self._spelled(code)
        if len(self) < _REMEMBERED:  # a text of all of Unicode must not fill the memory
            self[code] = spelled
        return spelled


def _visible(code: int) -> str:
    """The character without hidden and combining parts; every dash as "-", tags as ASCII."""
    if 0xE0020 <= code <= 0xE007E:
        return chr(code - 0xE0000)
    character = chr(code)
    if character.isascii():
        return character
    parts = unicodedata.normalize("NFKD", character)
    kept = []
    for part in parts if len(parts) <= _LONGEST_PART else character:
        category = unicodedata.category(part)
        if category == "Pd":
            kept.append("-")
        elif category == "Nd":
            kept.append(str(unicodedata.digit(part)))
        elif category not in ("Mn", "Me", "Cf", "Cs"):
            kept.append(part)
    return "".join(kept)


def _ascii(code: int) -> str:
    """The ASCII spelling of a character, or nothing where it has none."""
    for first in _LETTER_BLOCKS:
        if first <= code < first + 26:
            return chr(ord("A") + code - first)
    visible = "".join(_TO_ASCII.get(ord(part), part) for part in _visible(code))
    return "".join(_TO_ASCII.get(ord(part), part) for part in visible if part.isascii())


_VISIBLE = _Table(_visible)
_ASCII = _Table(lambda code: _TO_ASCII.get(code) or _ascii(code))


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and, for each of its characters, the place it came from in `source`."""

    source: str
    text: str
    places: tuple[int, ...] | None

    def finding(self, kind: str, start: int, end: int, rule: str) -> Finding:
        """The finding at these places of the folded text, in places of the source."""
        if self.places is not None:
            start, end = self.places[start], self.places[end - 1] + 1
        return Finding(kind=kind, start=start, end=end, text=self.source[start:end], rule=rule)


def fold(text: str) -> Folded:
    """The text as a reader sees it: no invisible or combining characters, plain digits and dashes.

    Letters of other scripts stay what they are. ``fold("４\u200b2").text == "42"``.
    """
    if text.isascii():
        return Folded(text, text, None)
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        spelled = _VISIBLE[ord(character)]
        characters.append(spelled)
        places.extend([place] * len(spelled))
    return Folded(text, "".join(characters), tuple(places))


def to_ascii(text: str) -> str:
    """The text in ASCII: look-alikes as what they look like, characters without one dropped.

    ``to_ascii("Ｃ\u0301\u041d") == "CH"``.
    """
    return text if text.isascii() else text.translate(_ASCII)
