"""Parquet and `hf:` datasets through the library, where it is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from evalkit.datasets import load_dataset
from evalkit.errors import ConfigError
from tests.datasets.pieces import CASE, problems_of


def test_a_local_folder_is_read_through_the_library(tmp_path: Path) -> None:
    """`hf:<path>:<split>` reads one split; null is a field not given."""
    rows = [CASE, {**CASE, "id": "sky-2", "cluster": None}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "test.parquet")
    dataset = load_dataset(tmp_path, f"hf:{tmp_path}:test")
    assert [case.cluster for case in dataset.cases] == ["Sky", ""]
    assert dataset.name == tmp_path.name


def test_what_the_library_cannot_read_is_a_problem(tmp_path: Path) -> None:
    """Whatever it raises, the user gets the file and the reason."""
    (tmp_path / "c.parquet").write_bytes(b"no parquet")
    assert "datasets cannot read it" in problems_of(tmp_path, "c.parquet")[0].what


@pytest.mark.parametrize("ref", ["hf:some/where:test", "c.parquet"])
def test_without_the_library_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    """JSON Lines and CSV need no extra; these two do."""
    (tmp_path / "c.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "datasets", None)  # makes the import fail
    with pytest.raises(ConfigError, match=r"pip install evalkit-gate\[datasets\]"):
        load_dataset(tmp_path, ref)
