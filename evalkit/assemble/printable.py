"""Options → flat names and printable values, with nothing in them that must not be read by others.

Settings are committed with baselines and shown in reports and pull requests. An option is written
in a file of the project, where a key does not belong; should one stand there all the same, it goes
no further. Left out are values under names such as `api_key` or `headers`, unless they name an
environment variable (`env:NAME`); secrets of the environment; what looks like a key; who is named
in an address, its query; and folders of this machine. A password of a few letters under a name that
does not say so looks like any other word, and is shown.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from evalkit.env_secrets import EnvSecrets

FROM_ENVIRONMENT = "env:"

HIDDEN = "⟦not shown⟧"
"""In place of a value. It holds no digest of it: of a password, that would be enough to guess."""

LONGEST = 80
"""Characters of a value; of a longer one the start is kept, and a digest that tells it apart."""

_SECRET = frozenset(
    "key keys apikey token secret secrets password passwd passphrase pwd credential credentials "
    "auth authorization bearer cookie cookies header headers signature organization".split()
)
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")

_BREAKS = re.compile(r"([\s,;|]+)")
_SIGNED = re.compile(r"[^\s:@/]+:[^\s@]+@(?=[\w.-])")
_GIVEN = re.compile(
    r"\b(?:[Bb]earer|BEARER|Basic|BASIC)\s+[\w.+/=~-]{6,}"
    r"|(?i:\b(?:pwd|\w*password|\w*passwd|\w*secret|\w*token|\w*api[_-]?key|authorization)"
    r"""["']?\s*[=:]\s*\S+)"""
)
_RANDOM = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z0-9]*[0-9][A-Za-z0-9]*[0-9])(?=[A-Za-z0-9]*[A-Za-z])"
    r"[A-Za-z0-9]{20,}"
    r"|\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"
)
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_FOLDER = re.compile(r"""(?<![\w./])(?:~[\w-]*|[A-Za-z]:)?[\\/](?:[^\s\\/"']+[\\/])+""")
_ABSOLUTE = re.compile(r"(?:^|(?<=/))(?:~[\w-]*|[A-Za-z]:)?[\\/]")
"""Where a value is a path from here on: all of it, or the model in `vllm//models/mine`."""


_PLAIN = (str, int, float, datetime.date, datetime.time)
"""What TOML can say. The default of an option may be anything; such a one is no setting."""


def options(record: object) -> dict[str, object]:
    """The fields of a record that its maker can give, and their values."""
    fields = dataclasses.fields(cast("Any", record))
    return {field.name: getattr(record, field.name) for field in fields if field.init}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """Makes settings of options: `root` is the project's folder."""

    root: Path
    secrets: EnvSecrets

    def flat(self, name: str, value: object) -> Iterator[tuple[str, str]]:
        """The leaves of a value under dotted names; what is not set or empty has none."""
        if dataclasses.is_dataclass(value):
            value = options(value)
        if isinstance(value, Mapping):
            for key in value:
                yield from self.flat(f"{name}.{self._text(str(key))}", value[key])
        elif isinstance(value, list | tuple):
            yield from self._listed(name, value)
        elif isinstance(value, _PLAIN) and value != "":
            yield name, self._shown(name, value)

    def _listed(self, name: str, values: Sequence[object]) -> Iterator[tuple[str, str]]:
        if any(isinstance(one, Mapping | list | tuple) for one in values):
            for place, one in enumerate(values, start=1):
                yield from self.flat(f"{name}.{place}", one)
        elif values:
            shown = (self._shown(name, one) for one in values if isinstance(one, _PLAIN))
            yield name, _cut(", ".join(shown))

    def _shown(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        text = str(value)
        words = [word.lower() for word in _WORDS.findall(name)]
        if words[-1:] == ["env"] or text.startswith(FROM_ENVIRONMENT):
            variable = self._text(text.removeprefix(FROM_ENVIRONMENT))
            return text if _VARIABLE.fullmatch(variable) else HIDDEN
        if _SECRET.intersection(words):
            return HIDDEN
        if isinstance(value, float) and value.is_integer():
            return str(int(value))  # 0 and 0.0 are one setting
        if isinstance(value, int | float):
            return text
        if words[-1:] == ["revision"] and _COMMIT.fullmatch(text):
            return text[:12]
        return _cut(self._text(text))

    def _text(self, text: str) -> str:
        """A text less what must not be read by others, on one line."""
        text = self.secrets.hide(text)
        for folder in {str(self.root), str(self.root.resolve())}:
            text = text.replace(f"{folder}/", "") if len(folder) > 1 else text
        text = _placed(text)
        for pattern in (_SIGNED, _GIVEN, _RANDOM):
            text = pattern.sub(HIDDEN, text)
        return text if text.isprintable() else json.dumps(text)[1:-1]


def _placed(text: str) -> str:
    """A text with addresses and folders as others may see them.

    All from an address's `://` to the last `@` is taken for a name and a password, which may hold
    any character; a text that begins as a path is one to its end, with any blanks in it.
    """
    before, mark, rest = text.partition("://")
    if not mark:
        path = _ABSOLUTE.search(text)
        return f"{text[: path.start()]}…/{_last(text)}" if path else _FOLDER.sub("…/", text)
    text = f"{before}://{rest.rpartition('@')[2]}"
    return "".join(
        _address(piece) if "://" in piece else _FOLDER.sub("…/", piece)
        for piece in _BREAKS.split(text)
    )


def _address(written: str) -> str:
    """An address less its query and fragment; a path of this machine less its folders."""
    scheme, _, rest = written.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    if slash and not host:
        path = f"…/{_last(path)}"
    return f"{scheme}://{host}{slash}{path}"


def _last(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{text[: LONGEST - 20].rstrip()}… ({digest})"
