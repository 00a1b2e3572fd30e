"""CSV: a header, rows as long as it, lists as JSON in a cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.datasets import load_dataset
from evalkit.records import Case
from tests.datasets.pieces import problems_of

WRONG_CSV = {
    "a row with more cells": ("id,input\na,b,c\n", "3 cells", 2),
    "an empty row": ("id,input\n\na,b\n", "0 cells", 2),
    "a column twice": ("id,id\na,b\n", "twice", 1),
    "an open quote": ('id,input\na,"b\n', "not CSV", 2),
    "a list without brackets": ("id,input,tags\na,b,c\n", "not a list of texts", 2),
    "a problem after a text of two lines": ('id,input\na,"b\nc"\nd\n', "1 cells", 4),
}


@pytest.mark.parametrize("name", WRONG_CSV)
def test_wrong_csv_is_refused(tmp_path: Path, name: str) -> None:
    """Each with the line on which the row begins."""
    text, what, line = WRONG_CSV[name]
    (tmp_path / "c.csv").write_text(text)
    problem = problems_of(tmp_path, "c.csv")[0]
    assert what in problem.what
    assert problem.where.partition(" ")[0].endswith(f"c.csv:{line}")


def test_the_mark_that_spreadsheets_write_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    """Excel writes a byte-order mark; and an empty cell is a field not given."""
    (tmp_path / "c.csv").write_bytes(b"\xef\xbb\xbfid,input,cluster,tags\r\na,b,,\r\n")
    assert load_dataset(tmp_path, "c.csv").cases == (Case(id="a", input="b"),)


def test_a_file_of_a_header_alone_has_no_cases(tmp_path: Path) -> None:
    """The near miss of a dataset: nothing to measure is a problem, as is no header."""
    for text in ("id,input\n", ""):
        (tmp_path / "c.csv").write_text(text)
        assert problems_of(tmp_path, "c.csv")[0].what == "there are no cases"
