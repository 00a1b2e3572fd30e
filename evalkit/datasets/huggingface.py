"""Parquet files and `hf:` datasets, through the Hugging Face `datasets` library.

An optional extra, imported when used: JSON Lines and CSV need the standard library alone.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.datasets.rows import Row
from evalkit.errors import ConfigError, Problem

Load = Callable[..., Iterable[Mapping[str, object]]]


def parquet_rows(path: Path, problems: list[Problem]) -> Iterator[Row]:
    """Yield the rows of a Parquet file; `where` counts rows from 1.

    Raises `ConfigError` when the library is not installed.
    """
    yield from _rows(str(path), problems, "parquet", data_files=str(path), split="train")


def hub_rows(path: str, split: str, problems: list[Problem]) -> Iterator[Row]:
    """Yield the rows of one split of a local folder or a repository of the hub.

    Raises `ConfigError` when the library is not installed.
    """
    yield from _rows(f"hf:{path}:{split}", problems, path, split=split)


def _rows(name: str, problems: list[Problem], *args: Any, **options: Any) -> Iterator[Row]:
    load = _library(name)
    try:
        # Streaming reads row by row and leaves no copy in the library's cache.
        for number, fields in enumerate(load(*args, streaming=True, **options), start=1):
            # Columnar formats have every field in every row; null is a field not given.
            given = {key: value for key, value in fields.items() if value is not None}
            yield Row(where=f"{name}:{number}", fields=given)
    except Exception as error:  # noqa: BLE001 - the library has no list of what it raises
        reason = " ".join(str(error).split())[:200].encode("ascii", "backslashreplace").decode()
        problems.append(
            Problem(where=name, what=f"datasets cannot read it: {type(error).__name__}: {reason}")
        )


def _library(name: str) -> Load:
    # Read by the library when it is imported. evalkit sends nothing home, nor do its parts.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
    # Before version 4 a dataset could bring code of its own; reading data must not run it.
    os.environ["HF_DATASETS_TRUST_REMOTE_CODE"] = "0"
    try:
        # Where the library is not installed, a folder called `datasets` in the working directory
        # can be imported in its place; that one is empty.
        load: Load = importlib.import_module("datasets").load_dataset
    except (ImportError, AttributeError):
        problem = Problem(
            where=name,
            what="reading it needs the Hugging Face datasets library, which is not installed",
            allowed="JSON Lines and CSV, or: pip install evalkit-gate[datasets]",
        )
        raise ConfigError([problem]) from None
    return load
