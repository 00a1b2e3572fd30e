"""Tests mirror the package, folders agree with their registries, and make finds its files."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass
from types import ModuleType
from typing import get_type_hints

import pytest

import evalkit

# ── tests mirror the package ─────────────────────────────────────────────────────────────────────

# Tested from outside, through pytest itself: tests/plugin/ has one file an option.
TESTED_THROUGH_PYTEST = {"pytest_plugin", "pytest_suites", "pytest_xdist"}


def test_every_module_has_its_test(root):
    package = root / "evalkit"
    missing = [
        f"tests/{module.with_name(f'test_{module.name}')}"
        for module in sorted(path.relative_to(package) for path in package.rglob("*.py"))
        if module.name not in {"__init__.py", "protocol.py"}
        and module.stem not in TESTED_THROUGH_PYTEST
        and "files" not in module.parts  # what `evalkit init` copies is not a module
        and not (root / "tests" / module.with_name(f"test_{module.name}")).exists()
    ]
    assert missing == []


def test_the_plugin_is_tested_through_pytest(root):
    assert list((root / "tests" / "plugin").glob("test_*.py"))


# ── a folder is the list of its kinds ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A package of kinds: a public class in it that has all `methods` is one.

    A registry holds kinds, or factories whose return annotation names the kind they make.
    `helpers` have the methods and are no kinds of their own, `"module:Class"` under the package.
    """

    package: str
    registry: str
    methods: tuple[str, ...]
    helpers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.registry


FOLDERS = (
    Folder(package="evalkit.metrics", registry="METRICS", methods=("applies_to", "score")),
    Folder(package="evalkit.gates", registry="GATES", methods=("tests", "decide")),
    Folder(
        package="evalkit.judges",
        registry="JUDGES",
        methods=("support", "attribution"),
        helpers=("llm:LlmJudge", "panel:PanelJudge"),  # made of a model, or of other judges
    ),
    Folder(package="evalkit.targets", registry="TARGETS", methods=("ingest", "answer")),
    Folder(package="evalkit.attacks", registry="ATTACKS", methods=("plant",)),
    Folder(package="evalkit.detectors", registry="DETECTORS", methods=("find",)),
    Folder(package="evalkit.providers", registry="MODELS", methods=("complete",)),
    Folder(package="evalkit.providers", registry="EMBEDDERS", methods=("embed",)),
    Folder(package="evalkit.rag.chunkers", registry="CHUNKERS", methods=("chunk",)),
    Folder(package="evalkit.rag.indexes", registry="INDEXES", methods=("build", "restore")),
    Folder(package="evalkit.rag.retrievers", registry="RETRIEVERS", methods=("build",)),
    Folder(package="evalkit.rag.guardrails", registry="GUARDRAILS", methods=("guard",)),
)


def modules(package: ModuleType) -> list[ModuleType]:
    names = [
        found.name
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.endswith(".protocol")
    ]
    return [importlib.import_module(name) for name in names]


def provided(folder: Folder) -> set[str]:
    package = importlib.import_module(folder.package)
    return {
        f"{module.__name__}:{name}"
        for module in modules(package)
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
        and not name.startswith("_")
        and all(callable(getattr(kind, method, None)) for method in folder.methods)
    } - {f"{folder.package}.{helper}" for helper in folder.helpers}


def registry(folder: Folder):
    return getattr(importlib.import_module(folder.package), folder.registry)


def registered(folder: Folder) -> dict[str, str]:
    """Built-in names only: what else is installed in this environment is not ours to judge."""
    return {name: point.value for name, point in registry(folder)._builtin.items()}


def made_by(entry: object) -> str:
    """The kind that an entry is, or that a factory makes, as `module:Class`."""
    kind = entry if isinstance(entry, type) else get_type_hints(entry)["return"]
    return f"{kind.__module__}:{kind.__qualname__}"


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_every_entry_resolves_to_something_of_its_folder(folder):
    """`module:attribute` exists, can be called and lives where the registry does."""
    for name, value in registered(folder).items():
        assert callable(registry(folder).get(name))
        assert value.partition(":")[0].startswith(f"{folder.package}.")


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_the_registry_reaches_every_kind_of_the_folder(folder):
    """A kind that nobody can name in a file is dead code; one entry is one kind."""
    reached = [made_by(registry(folder).get(name)) for name in registered(folder)]
    assert sorted(reached) == sorted(provided(folder))


def test_a_factory_is_known_by_what_it_makes():
    def factory(spec: str) -> Folder: ...

    def lax(spec: str): ...

    assert made_by(factory) == made_by(Folder)
    assert made_by(Folder).endswith("test_layout:Folder")
    with pytest.raises(KeyError, match="return"):
        made_by(lax)


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_the_registry_calls_each_kind_by_its_own_name(folder):
    """A class that says its name, as metrics and detectors do, is registered under that name."""
    wrong = {}
    for name in registry(folder)._builtin:
        kind = registry(folder).get(name)
        own = getattr(kind, "name", None) or getattr(kind, "kind", None)
        if isinstance(own, str) and name not in {own, own.partition("/")[2]}:
            wrong[name] = own
    assert wrong == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_an_unknown_kind_is_refused_with_what_there_is(folder):
    with pytest.raises(LookupError, match=re.escape(registry(folder).names()[0])):
        registry(folder).get("no such kind")


def test_no_folder_of_kinds_is_left_out():
    """Every registry in the package stands in the table above."""
    found = {
        name
        for module in [evalkit, *modules(evalkit)]
        for name, value in vars(module).items()
        if type(value).__name__ == "Registry"
    }
    assert found == {folder.registry for folder in FOLDERS}


# ── make ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_make_runs_exists(root):
    recipes = (root / "Makefile").read_text("utf-8")
    paths = set(re.findall(r"(?:scripts|benchmarks|requirements|\.ci)/[\w.-]+\w", recipes))
    assert "requirements/gate.lock" in paths
    assert sorted(path for path in paths if not (root / path).exists()) == []
