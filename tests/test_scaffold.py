"""`evalkit init` makes a project that works, and overwrites nothing."""

from __future__ import annotations

import pytest

from evalkit import scaffold
from evalkit.datasets import load_dataset
from evalkit.errors import ConfigError


def test_every_file_of_a_project_is_written(tmp_path):
    """Configuration, suite, dataset with its card, prompts with their lock, and a .gitignore."""
    written = {path.relative_to(tmp_path).as_posix() for path in scaffold.create(tmp_path)}
    assert {
        ".gitignore", "evalkit.toml", "suites/handbook.toml", "prompts/prompts.lock",
        "datasets/handbook/1/CARD.md", "datasets/handbook/1/cases.jsonl",
    } <= written  # fmt: skip
    assert len(load_dataset(tmp_path / "datasets", "handbook@1").cases) == 36


def test_existing_files_are_named_and_kept(tmp_path):
    """One file in the way: the error names it, and nothing else was written."""
    (tmp_path / "evalkit.toml").write_text("mine")
    with pytest.raises(ConfigError, match=r"evalkit\.toml: exists"):
        scaffold.create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["evalkit.toml"]
    assert (tmp_path / "evalkit.toml").read_text() == "mine"
