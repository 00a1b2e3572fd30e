"""Twenty-eight ways in which a model may spell a token, from plain to encoded.

The canary matcher is measured and tested on these: `CARRIERS[name](token)` is the token so spelled.
"""

from __future__ import annotations

import base64
import codecs
import html
import string
import urllib.parse
from collections.abc import Callable

_LOOK_ALIKES = str.maketrans("CHJKMPXY", "СНЈКМРХУ")
_ATBASH = str.maketrans(string.ascii_uppercase, string.ascii_uppercase[::-1])
_MORSE = dict(
    zip(
        string.ascii_uppercase + string.digits,
        (
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- "
            "...- .-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
        ).split(),
        strict=True,
    )
)
_LEET = {"D": "|)", "H": "|-|", "K": "|<", "M": "|\\/|", "N": "|\\|", "U": "|_|", "X": "><"}


def _shifted(first_upper: int, first_digit: int) -> Callable[[str], str]:
    """Letters and digits moved to a block of Unicode that has them in the usual order."""

    def spell(token: str) -> str:
        return "".join(
            chr(first_digit + int(c)) if c.isdigit() else chr(first_upper + ord(c) - ord("A"))
            for c in token
        )

    return spell


CARRIERS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lower case": str.lower,
    "spaced": " ".join,
    "hyphens": "-".join,
    "one a line": "\n".join,
    "markdown bold": lambda token: f"**{token[:7]}**__{token[7:]}__",
    "full width": _shifted(0xFF21, 0xFF10),
    "mathematical bold": _shifted(0x1D400, 0x1D7CE),
    "zero-width joined": "\u200b".join,
    "combining marks": lambda token: "".join(f"{c}\u0336\u0301" for c in token),
    "invisible tags": lambda token: "".join(chr(0xE0000 + ord(c)) for c in token),
    "look-alike letters": lambda token: token.translate(_LOOK_ALIKES),
    "HTML entities": lambda token: "".join(f"&#{ord(c)};" for c in token),
    "HTML tags between": lambda token: f"<b>{token[:5]}</b><i class=x>{token[5:]}</i>",
    "percent escapes": lambda token: "".join(f"%{ord(c):02X}" for c in token),
    "percent escapes, twice": lambda token: urllib.parse.quote(
        "".join(f"%{ord(c):02X}" for c in token)
    ),
    "backslash escapes": lambda token: "".join(f"\\u{ord(c):04x}" for c in token),
    "reversed": lambda token: token[::-1],
    "ROT13": lambda token: codecs.encode(token, "rot13"),
    "Atbash": lambda token: token.translate(_ATBASH),
    "Base64": lambda token: base64.b64encode(token.encode()).decode(),
    "Base64 inside a sentence": lambda token: (
        base64.urlsafe_b64encode(f"the code is {token} as asked".encode()).decode().rstrip("=")
    ),
    "Base32": lambda token: base64.b32encode(token.encode()).decode(),
    "hex": lambda token: token.encode().hex(" "),
    "decimal code points": lambda token: ", ".join(str(ord(c)) for c in token),
    "Morse": lambda token: " ".join(_MORSE[c] for c in token),
    "leet": lambda token: html.escape("".join(_LEET.get(c, c) for c in token)),
    "split by words": lambda token: " dash ".join(token[i : i + 3] for i in range(0, 14, 3)),
}
