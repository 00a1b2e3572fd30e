"""Named parts of a dataset, checked whether or not they are asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.datasets import load_dataset
from evalkit.errors import ConfigError
from tests.datasets.pieces import CASE, DOCUMENT, jsonl, put, the_problem


def test_a_slice_has_its_cases_in_dataset_order_and_the_whole_corpus(tmp_path: Path) -> None:
    """The order of ids in the slice says nothing; distractors stay in the corpus."""
    cases = [{**CASE, "id": name} for name in ("a", "b", "c")]
    slices = json.dumps({"ci": {"seed": 1, "ids": ["c", "a"]}})
    corpus = jsonl(DOCUMENT, {**DOCUMENT, "id": "p2"})
    root = put(tmp_path, cases=jsonl(*cases), corpus=corpus, slices=slices)
    dataset = load_dataset(root, "t@1", slice="ci")
    assert [case.id for case in dataset.cases] == ["a", "c"]
    assert [document.id for document in dataset.documents] == ["p1", "p2"]
    assert dataset.slice == "ci"


WRONG_SLICES: dict[str, tuple[str | bytes, str]] = {
    "not JSON": ("{", "not strict JSON"),
    "not UTF-8": (b"\xff", "not strict JSON"),
    "a list": ("[]", "another form"),
    "no seed": ('{"ci": {"ids": ["sky-1"]}}', "another form"),
    "a seed of another type": ('{"ci": {"seed": true, "ids": ["sky-1"]}}', "another form"),
    "no ids": ('{"ci": {"seed": 1, "ids": []}}', "another form"),
    "unknown field": ('{"ci": {"seed": 1, "ids": ["sky-1"], "n": 1}}', "another form"),
    "an id twice": ('{"ci": {"seed": 1, "ids": ["sky-1", "sky-1"]}}', "id twice"),
    "unknown id": ('{"ci": {"seed": 1, "ids": ["sky-2"]}}', "no case has this id"),
    "half a surrogate pair": ('{"\\ud800": 1}', "another form"),
}


@pytest.mark.parametrize("name", WRONG_SLICES)
def test_a_wrong_slice_is_refused_even_if_it_is_not_asked_for(tmp_path: Path, name: str) -> None:
    """A slice is a promise in a committed file; it is checked with the rest."""
    content, what = WRONG_SLICES[name]
    problem = the_problem(tmp_path, cases=jsonl(CASE), corpus=jsonl(DOCUMENT), slices=content)
    assert what in problem.what


def test_without_the_file_there_are_no_slices(tmp_path: Path) -> None:
    """A dataset need not have any; asking for one is an error that says so."""
    root = put(tmp_path, cases=jsonl(CASE), corpus=jsonl(DOCUMENT))
    assert len(load_dataset(root, "t@1").cases) == 1
    with pytest.raises(ConfigError, match="ci"):
        load_dataset(root, "t@1", slice="ci")
