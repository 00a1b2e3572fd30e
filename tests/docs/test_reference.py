"""docs/reference.md is what the code says."""

from __future__ import annotations

import importlib.util

import pytest

from evalkit.gates import GATES
from evalkit.metrics import METRICS
from tests.docs.pages import ROOT, text_of


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(reference):
    """Run `python scripts/reference.py` where this fails."""
    assert text_of("docs/reference.md") == reference.page()


def test_every_metric_and_gate_has_its_section(reference):
    page = text_of("docs/reference.md")
    assert [name for name in METRICS._builtin if f"#### `{name}`\n" not in page] == []
    assert [name for name in GATES._builtin if f'#### `kind = "{name}"`\n' not in page] == []


def test_a_key_has_its_type_and_default(reference):
    rows = list(reference.table(GATES.get("metric")))
    assert "| `margin` | number | `0.05` |" in rows
    assert "| `floor` | number | none |" in rows
    assert not any("`name`" in row for row in rows)  # evalkit fills it in
