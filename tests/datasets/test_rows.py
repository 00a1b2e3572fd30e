"""A row of any format becomes a case, or says everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.datasets import load_dataset
from evalkit.errors import DataError
from evalkit.records import Case
from tests.datasets.pieces import jsonl, put, the_problem


def test_only_id_and_input_are_required(tmp_path: Path) -> None:
    """What is not given is empty, and a case expects an answer."""
    root = put(tmp_path, cases=jsonl({"id": "a", "input": "?"}))
    assert load_dataset(root, "t@1").cases == (Case(id="a", input="?"),)


WRONG_ROWS = {
    "unknown field": (b'{"id": "a", "input": "x", "reference": "y"}\n', "not known"),
    "missing input": (b'{"id": "a"}\n', "missing"),
    "missing id": (b'{"input": "a"}\n', "missing"),
    "empty id": (b'{"id": "", "input": "x"}\n', "id cannot be used"),
    "id with a separator of pytest": (b'{"id": "a::b", "input": "x"}\n', "id cannot be used"),
    "id that climbs": (b'{"id": "../a", "input": "x"}\n', "id cannot be used"),
    "empty input": (b'{"id": "a", "input": " \\t"}\n', "empty"),
    "input of another type": (b'{"id": "a", "input": 3}\n', "not a text"),
    "null": (b'{"id": "a", "input": null}\n', "not a text"),
    "half a surrogate pair": (b'{"id": "a", "input": "\\ud800"}\n', "not a text"),
    "one reference": (b'{"id": "a", "input": "x", "references": "y"}\n', "not a list of texts"),
    "a reference of no words": (b'{"id": "a", "input": "x", "references": [""]}\n', "not a list"),
    "a tag twice": (b'{"id": "a", "input": "x", "tags": ["t", "t"]}\n', "item twice"),
    "unknown expectation": (b'{"id": "a", "input": "x", "expect": "refuse"}\n', "not known"),
    "no rows": (b"", "no cases"),
}


@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_wrong_row_is_refused(tmp_path: Path, name: str) -> None:
    """One problem a wrong row, with the line it is on."""
    data, what = WRONG_ROWS[name]
    problem = the_problem(tmp_path, cases=data)
    assert what in problem.what
    assert f"{tmp_path / 't' / '1' / 'cases.jsonl'}" in problem.where
    if name != "no rows":
        assert ":1" in problem.where


def test_a_message_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Values of a dataset are data of others: an escape sequence is shown, not sent."""
    root = put(tmp_path, cases=jsonl({"id": "\x1b[31m", "input": "x", "\x1b]8;;": "\u202e"}))
    with pytest.raises(DataError) as caught:
        load_dataset(root, "t@1")
    assert str(caught.value).replace("\n", "").isprintable()
