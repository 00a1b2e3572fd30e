"""CSV: a header row, then one case or document a row.

A list field is a JSON array in one cell, `["first", "second"]`: answers hold commas, semicolons and
bars of their own, so no separator is safe. An empty cell is a field not given.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from evalkit.datasets.jsonl import MAX_LINE_BYTES, parse_json, text_lines
from evalkit.datasets.rows import CASE_LISTS, Row, shown
from evalkit.errors import Problem


def csv_rows(path: Path, problems: list[Problem]) -> Iterator[Row]:
    """Yield the rows that can be read; add the others to `problems`."""
    lines = (line for _, line in text_lines(path, problems))
    # Passages in one cell may well be more than the 131,072 characters that Python allows.
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(Problem(where=where, what=f"the row is not CSV: {error}"))
            continue
        if header is None:
            header = _header(cells, where, problems)
            if header is None:
                return
        elif len(cells) != len(header):
            problems.append(
                Problem(
                    where=where,
                    what=f"the row has {len(cells)} cells",
                    allowed=f"{len(header)}, as the header has",
                )
            )
        else:
            yield _row(header, cells, where)


def _header(cells: Sequence[str], where: str, problems: list[Problem]) -> list[str] | None:
    # Spreadsheets put a byte-order mark before the first name.
    names = [cell.removeprefix("\ufeff") if at == 0 else cell for at, cell in enumerate(cells)]
    if len(set(names)) == len(names):
        return names
    problems.append(
        Problem(
            where=where, what="a column is given twice", value=shown(names), allowed="each once"
        )
    )
    return None


def _row(header: Sequence[str], cells: Sequence[str], where: str) -> Row:
    fields: dict[str, object] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell:
            fields[name] = _parsed(cell) if name in CASE_LISTS else cell
    return Row(where=where, fields=fields)


def _parsed(cell: str) -> object:
    # A cell that is no JSON stays a text, and the check of the row says that it is not a list.
    try:
        return parse_json(cell)
    except ValueError:
        return cell
