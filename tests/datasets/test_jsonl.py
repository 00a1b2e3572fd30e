"""JSON Lines, read strictly: what other readers forgive is a problem with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.datasets import load_dataset, read_jsonl
from evalkit.errors import DataError
from tests.datasets.pieces import CASE, jsonl, problems_of, put, the_problem


def test_a_line_ends_at_lf_only(tmp_path: Path) -> None:
    """U+2028 and a form feed end a line for `str.splitlines`; here they are part of a text."""
    row = {**CASE, "input": "one\u2028two\u0085three"}
    cases = json.dumps(row, ensure_ascii=False) + "\r\n"
    assert (
        load_dataset(put(tmp_path, cases=cases), "t@1").cases[0].input == "one\u2028two\u0085three"
    )


WRONG_LINES = {
    "not JSON": (b'{"id": "a", \n', "not strict JSON"),
    "NaN": (b'{"id": "a", "input": NaN}\n', "NaN is not JSON"),
    "Infinity": (b'{"id": "a", "input": -Infinity}\n', "-Infinity is not JSON"),
    "key given twice": (b'{"id": "a", "input": "x", "input": "y"}\n', "given twice"),
    "key given twice further in": (b'{"id": "a", "input": {"k": 1, "k": 2}}\n', "given twice"),
    "too deep": (b"[" * 200_000 + b"\n", "too deep"),
    "number too long": (b"1" * 5000 + b"\n", "not strict JSON"),
    "a list": (b"[1]\n", "not an object"),
    "an empty line": (b"\n", "not strict JSON"),
    "byte-order mark": (b'\xef\xbb\xbf{"id": "a", "input": "x"}\n', "not strict JSON"),
    "not UTF-8": (b'{"id": "a", "input": "\xe9"}\n', "not UTF-8"),
    "too long": (b'{"id": "' + b"a" * 2**20 + b'", "input": "x"}\n', "too long"),
}


@pytest.mark.parametrize("name", WRONG_LINES)
def test_a_wrong_line_is_refused(tmp_path: Path, name: str) -> None:
    """One problem a wrong row, with the line it is on."""
    data, what = WRONG_LINES[name]
    problem = the_problem(tmp_path, cases=data)
    assert what in problem.what
    assert f"{tmp_path / 't' / '1' / 'cases.jsonl'}" in problem.where
    assert ":1" in problem.where


def test_near_misses_are_read(tmp_path: Path) -> None:
    """Limits are limits: the longest line, equal keys in different objects, a row without LF."""
    filler = "x" * (2**20 - len('{"id": "a", "input": ""}\n'))
    cases = jsonl({"id": "a", "input": filler}) + '{"id": "b", "input": "NaN Infinity"}'
    assert [case.id for case in load_dataset(put(tmp_path, cases=cases), "t@1").cases] == ["a", "b"]


def test_after_a_line_that_is_too_long_the_next_one_is_read(tmp_path: Path) -> None:
    """The rest of the line is skipped: the second problem is on line 2."""
    long = b'"' + b"a" * (3 * 2**20) + b'"\n'
    problems = problems_of(put(tmp_path, cases=long + b"[]\n"))
    assert [problem.where.rpartition(":")[2] for problem in problems] == ["1", "2"]


def test_any_rows_can_be_read_strictly(tmp_path: Path) -> None:
    """`read_jsonl` is the strict reader without the fields of a case, for other data files."""
    path = tmp_path / "a.jsonl"
    path.write_text(jsonl({"n": 1}, {"n": 2}))
    assert [(row.where, row.fields) for row in read_jsonl(path)] == [
        (f"{path}:1", {"n": 1}),
        (f"{path}:2", {"n": 2}),
    ]
    path.write_text("{}\n{]\n[]\n")
    with pytest.raises(DataError) as caught:
        read_jsonl(path)
    assert [problem.where for problem in caught.value.problems] == [f"{path}:2", f"{path}:3"]
