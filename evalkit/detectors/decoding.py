"""Texts hidden in a text by an encoding: Base64, Base32, hex, binary, decimal code points, Morse.

Only what a language model writes when it is asked to encode; no compression, no encryption.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Iterator

CANDIDATES = 40
"""Decodings tried for one text. What goes beyond is not looked at: a flood must not cost more."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{10,}+={0,2}")
_BASE32 = re.compile(r"\b(?:[A-Z2-7]{12,}+|[a-z2-7]{12,}+)\b={0,6}")
_HEX = re.compile(r"[0-9a-f]{14,}+")
_HEX_GLUE = re.compile(r"0x|\\x|[\s:,;-]++")
_BINARY = re.compile(r"(?:[01]{8}[\s,]*+){7,}+")
_DECIMAL = re.compile(r"(?:&?#?\d{2,3}(?!\d)[\s,;]*+){7,}+")
_MORSE = re.compile(r"[.\-]{1,5}(?:[ /|\n]{1,3}[.\-]{1,5}){6,}+")
_LETTERS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- "
    "-..- -.-- --.."
).split()
_DIGITS = "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split()
_MORSE_CODE = dict(zip(_LETTERS, "abcdefghijklmnopqrstuvwxyz", strict=True)) | dict(
    zip(_DIGITS, "0123456789", strict=True)
)


def decoded(text: str, *, limit: int = CANDIDATES) -> tuple[tuple[str, str], ...]:
    """(encoding, decoded text) for what may be encoded in an ASCII `text`; at most `limit` of them.

    A run that decodes to nonsense is given too: the reader knows what it looks for. The kinds take
    turns, longest run first, so that many runs of one kind do not hide one of another.
    """
    kinds = (
        _base64_runs(text), _hex(text), _base32_runs(text), _decimal(text), _binary(text),
        _morse(text),
    )  # fmt: skip
    turns = itertools.zip_longest(*kinds)
    found = (candidate for turn in turns for candidate in turn if candidate is not None)
    return tuple(itertools.islice(found, limit))


def _longest_first(runs: list[str]) -> list[str]:
    return sorted(dict.fromkeys(runs), key=len, reverse=True)


def _base64_runs(text: str) -> Iterator[tuple[str, str]]:
    runs = _longest_first(_BASE64.findall(text))
    for run in runs:
        body = run.rstrip("=")
        # A plain word has one case; ten or more characters of Base64 practically never have.
        if not (body.islower() or body.istitle() or body.isdigit()):
            yield "base64", _from_base64(body)
    # Broken over lines or glued to a word: all four alignments of what is left without white space.
    for run in _longest_first(_BASE64.findall("".join(text.split()))):
        if run not in runs:
            for skip in range(4):
                yield "base64", _from_base64(run.rstrip("=")[skip:])


def _from_base64(body: str) -> str:
    body = body.translate({ord("-"): "+", ord("_"): "/"})
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    raw = base64.b64decode(body + "=" * (-len(body) % 4))
    return raw.decode("utf-8", "ignore")


def _base32_runs(text: str) -> Iterator[tuple[str, str]]:
    for run in _longest_first(_BASE32.findall(text)):
        body = run.rstrip("=").upper()
        if run.islower() and run.isalpha():
            continue  # a long word
        # 1, 3 and 6 characters over are lengths that no encoder writes.
        for length in (len(body), len(body) - 1):
            if length % 8 not in (1, 3, 6):
                padded = body[:length] + "=" * (-length % 8)
                try:
                    yield "base32", base64.b32decode(padded).decode("utf-8", "ignore")
                except binascii.Error:
                    continue
                break


def _hex(text: str) -> Iterator[tuple[str, str]]:
    glued = _HEX_GLUE.sub("", text.lower())
    for run in _longest_first(_HEX.findall(glued)):
        # The word before may end in a letter from a to f, which shifts the pairs by one.
        for shift in (0, 1):
            pairs = run[shift : len(run) - (len(run) - shift) % 2]
            yield "hex", bytes.fromhex(pairs).decode("utf-8", "ignore")


def _binary(text: str) -> Iterator[tuple[str, str]]:
    for run in _longest_first(_BINARY.findall(text)):
        octets = re.findall(r"[01]{8}", run)
        yield "binary", bytes(int(octet, 2) for octet in octets).decode("utf-8", "ignore")


def _decimal(text: str) -> Iterator[tuple[str, str]]:
    for run in _longest_first(_DECIMAL.findall(text)):
        codes = [int(number) for number in re.findall(r"\d+", run)]
        yield "decimal", "".join(chr(code) for code in codes if 32 <= code < 127)


def _morse(text: str) -> Iterator[tuple[str, str]]:
    for run in _longest_first(_MORSE.findall(text)):
        signs = re.split(r"([ /|\n]+)", run)
        yield (
            "morse",
            "".join(
                _MORSE_CODE.get(sign, "")
                if sign[0] in ".-"
                else " " * ("/" in sign or len(sign) > 1)
                for sign in signs
                if sign
            ),
        )
