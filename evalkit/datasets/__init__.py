"""Versioned golden datasets: what is true, read strictly, every problem reported at once."""

from __future__ import annotations

from evalkit.datasets.jsonl import read_jsonl
from evalkit.datasets.load import digest_of, load_dataset

__all__ = ["digest_of", "load_dataset", "read_jsonl"]
