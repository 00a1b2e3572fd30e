"""A dataset on disk, made of as little as a test needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.datasets import load_dataset
from evalkit.errors import DataError, Problem

CASE: dict[str, Any] = {
    "id": "sky-1",
    "input": "Why is the sky blue?",
    "references": ["Air scatters blue light, most of all."],
    "relevant_ids": ["p1"],
    "expect": "answer",
    "cluster": "Sky",
    "tags": ["long"],
}


DOCUMENT = {"id": "p1", "title": "Sky", "text": "Air scatters blue light most."}


def jsonl(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def put(root: Path, **files: str | bytes) -> Path:
    """Write the dataset t@1; `cases` and `corpus` are JSON Lines, `slices` is slices.json."""
    folder = root / "t" / "1"
    folder.mkdir(parents=True)
    names = {"cases": "cases.jsonl", "corpus": "corpus.jsonl", "slices": "slices.json"}
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / names[name]).write_bytes(data)
    return root


def problems_of(root: Path, ref: str = "t@1") -> tuple[Problem, ...]:
    with pytest.raises(DataError) as caught:
        load_dataset(root, ref)
    return caught.value.problems


def the_problem(tmp_path: Path, **files: str | bytes) -> Problem:
    (problem,) = problems_of(put(tmp_path, **files))
    return problem
