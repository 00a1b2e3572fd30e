"""One spelling for every committed data file: rebuilt, it is the same file, byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# Invisible format characters (zero-width space, bidirectional marks, byte-order mark, Unicode tags)
# and the two Unicode line ends are written as \uXXXX: a reviewer must see in a diff what a model
# will be given.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_SUMS = "SHA256SUMS"


def dump_row(row: Mapping[str, Any]) -> str:
    """Return `row` as one line of strict JSON, keys in the order given, without the line end."""
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    return _INVISIBLE.sub(lambda found: json.dumps(found.group())[1:-1], text)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one row a line in UTF-8 with LF line ends, on every platform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(dump_row(row) + "\n" for row in rows), encoding="utf-8", newline="\n")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write an indented JSON object, so that a change to one entry is one line of a diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_sums(datasets: Path) -> None:
    """Record the SHA-256 of every data and licence file under `datasets` in its `SHA256SUMS`.

    Cards are left out: they are prose, and tests check the counts in them against the files.
    """
    files = {
        path.relative_to(datasets).as_posix(): path
        for path in sorted(datasets.rglob("*"))
        if path.is_file() and path.name != _SUMS and path.suffix != ".md"
    }
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in files.items()
    ]
    (datasets / _SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")
