"""docs/reference.md is what the code says."""

from __future__ import annotations

import importlib.util
from dataclasses import is_dataclass

import pytest

from evalkit.gates import GATES
from evalkit.metrics import METRICS
from evalkit.providers import EMBEDDERS, MODELS
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


def test_every_provider_with_options_has_its_section(reference):
    """And a role's other names are listed; what evalkit fills in is no key."""
    page = text_of("docs/reference.md")
    for registry, role in ((MODELS, "a model"), (EMBEDDERS, "an embedder")):
        tabled = [name for name in registry._builtin if is_dataclass(registry.get(name))]
        assert tabled
        titles = [f'#### `provider = "{name}"` of {role}\n' for name in tabled]
        assert [title for title in titles if title not in page] == []
    assert "| `closed_schema` | true or false | `false` |" in page
    assert "| `limits` | table | `{ start = 16, max = 64, adaptive = true }` |" in page
    profile = page.partition("### `[profiles.<name>]`")[2].partition("####")[0]
    assert "`section`" not in profile


def test_a_key_has_its_type_and_default(reference):
    rows = list(reference.table(GATES.get("metric")))
    assert "| `margin` | number | `0.05` |" in rows
    assert "| `floor` | number | none |" in rows
    assert not any("`name`" in row for row in rows)  # evalkit fills it in
