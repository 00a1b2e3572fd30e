"""Secrets of the environment, and texts that look like one, taken out of what is written to disk.

For files that are committed, cached, attached or shown. What a suite plants on purpose is another
matter: `evalkit.report.redact` hides that from the renderings of a run.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Characters below which a value is no secret: hiding `main` would black out a text."""
_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
_LINE = 16
"""Characters from which on a line of a longer value (of a PEM key, of JSON) is a secret itself."""

_LOOKS = {
    "private key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,8000}"
    r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?",
    "API key": r"\b(?:sk|rk|pk)-[A-Za-z0-9_-]{20,200}|\bgsk_[A-Za-z0-9]{20,200}"
    r"|\bnvapi-[A-Za-z0-9_-]{20,200}|\bAIza[A-Za-z0-9_-]{35}",
    "AWS key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "access token": r"\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_[A-Za-z0-9_]{20,255}"
    r"|\bglpat-[A-Za-z0-9_-]{20,200}|\bhf_[A-Za-z0-9]{20,200}|\bxox[abeoprs]-[A-Za-z0-9-]{10,200}",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,4000}"
    r"\.[A-Za-z0-9_-]{8,4000}",
    "password in an address": r"(?<=://)[^\s/:@\"']{1,100}:[^\s/@\"']{1,200}(?=@)",
}
_LOOKING = {name: re.compile(pattern) for name, pattern in _LOOKS.items()}


class EnvSecrets:
    """Replaces every secret value of an environment by `⟦secret NAME⟧`.

    A secret is a value of at least 8 characters under a name with KEY, TOKEN, SECRET, PASSWORD or
    the like, and each longer line of it. It is found in any letter case, as it is and in Base64
    (also inside a longer encoded text), hexadecimal, URL, HTML and JSON form. Besides, what has
    the form of a well-known kind of key is replaced by `⟦looks like a KIND⟧`. The stand-in holds
    no digest of the value: of a password, that would be enough to guess it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._forms = {
            form: name
            for name, value in sorted(environ.items())
            if _NAMES.search(name)
            for piece in _pieces(value)
            for form in _forms(piece)
        }

    def hide(self, text: str) -> str:
        """The text with stand-ins; the very same text where there is nothing to hide."""
        lower = text.lower()
        found = [form for form in self._forms if form in text or form.lower() in lower]
        if found:
            # Longest first: a value that holds another is named after itself.
            found.sort(key=len, reverse=True)
            pattern = re.compile("|".join(map(re.escape, found)), re.IGNORECASE)
            text = pattern.sub(lambda match: f"⟦secret {self._name(match[0], found)}⟧", text)
        for kind, pattern in _LOOKING.items():
            text = pattern.sub(f"⟦looks like a {kind}⟧", text)
        return text

    def _name(self, match: str, found: list[str]) -> str:
        lower = match.lower()
        return next((self._forms[form] for form in found if form.lower() == lower), "value")


def _pieces(value: str) -> Iterator[str]:
    """The value, and those of its lines that are secret by themselves."""
    value = value.strip()
    if len(value) >= SHORTEST:
        yield value
    lines = value.splitlines()
    if len(lines) > 1:
        for line in map(str.strip, lines):
            if len(line) >= _LINE and not line.startswith("-----"):
                yield line


def _forms(value: str) -> Iterator[str]:
    data = value.encode("utf-8", "surrogateescape")
    yield value
    yield quote(data, safe="")
    yield quote_plus(data)
    yield quote(data)
    yield html.escape(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield data.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            core = _base64_core(encode(bytes(before) + data).decode(), before, len(data))
            if len(core) >= SHORTEST:
                yield core


def _base64_core(encoded: str, before: int, length: int) -> str:
    """The characters that only the value decides, wherever it stands in what is encoded."""
    start = -(-before * 8 // 6)
    end = (before + length) * 8 // 6
    return encoded[start:end]
