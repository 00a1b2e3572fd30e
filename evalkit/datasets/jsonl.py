"""Strict JSON, one object a line.

Python's `json` takes `NaN`, keeps the last of two equal keys, and reads a line of any length. Each
of these can turn a dataset into another one, or a machine off, without a sign: each is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from evalkit.datasets.rows import Row, shown, unreadable
from evalkit.errors import DataError, Problem

MAX_LINE_BYTES = 1024 * 1024


def read_jsonl(path: Path) -> tuple[Row, ...]:
    """Return every row of a JSON Lines file, in file order.

    Raises `DataError` with every line that is not one strict JSON object.
    """
    problems: list[Problem] = []
    rows = tuple(jsonl_rows(path, problems))
    if problems:
        raise DataError(problems)
    return rows


def jsonl_rows(path: Path, problems: list[Problem]) -> Iterator[Row]:
    """Yield the rows that can be read; add the others to `problems`."""
    for number, line in text_lines(path, problems):
        where = f"{path}:{number}"
        try:
            value = parse_json(line)
        except ValueError as error:
            problems.append(
                Problem(
                    where=where,
                    what=f"the line is not strict JSON: {error}",
                    value=shown(line.rstrip("\r\n")),
                    allowed="one JSON object a line",
                )
            )
            continue
        if isinstance(value, dict):
            yield Row(where=where, fields=value)
        else:
            problems.append(
                Problem(
                    where=where,
                    what="the line is not an object",
                    value=shown(value),
                    allowed="one JSON object a line",
                )
            )


def text_lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is UTF-8 and not too long, one in memory at a time.

    Only LF ends a line: a text may hold U+2028 or a form feed, which `str.splitlines` would cut.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(raw) > MAX_LINE_BYTES:
                    while raw and not raw.endswith(b"\n"):
                        raw = file.readline(MAX_LINE_BYTES)
                    problems.append(
                        Problem(
                            where=f"{path}:{number}",
                            what="the line is too long",
                            allowed=f"at most {MAX_LINE_BYTES} bytes",
                        )
                    )
                    continue
                try:
                    yield number, raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    problems.append(
                        Problem(
                            where=f"{path}:{number}",
                            what=f"byte {error.start + 1} of the line is not UTF-8",
                            value=shown(raw[error.start : error.end].hex()),
                            allowed="UTF-8",
                        )
                    )
    except OSError as error:
        problems.append(unreadable(path, error))


def parse_json(text: str) -> object:
    """Return the value of a strict JSON text.

    Raises `ValueError` for what JSON does not have (NaN, Infinity), for a key given twice in one
    object, and for nesting or numbers beyond what Python can hold.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("the nesting is too deep") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {shown(twice)} is given twice")
    return fields


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
