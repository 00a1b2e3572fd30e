"""The README does what it says: its examples run, its blocks are the files they quote."""

from __future__ import annotations

import re
import tomllib

import pytest

from evalkit import cli, pipeline
from evalkit.check import Checker
from evalkit.config import load_project, load_suite
from evalkit.metrics import METRICS
from evalkit.targets.callable import CallableTarget
from evalkit.targets.http import HttpTarget
from evalkit.targets.replies import answer_of
from tests.docs.pages import ROOT, blocks, text_of

README = "README.md"


def block(language: str, holding: str, page: str = README) -> str:
    """The one block of a language that holds a text."""
    (found,) = [b.text for b in blocks(page, language) if holding in b.text]
    return found


def test_the_suite_is_the_shipped_one():
    assert block("toml", "[suite]") == (ROOT / "suites" / "rag_quality.toml").read_text("utf-8")


@pytest.mark.parametrize("page", [README, "docs/running-against-a-provider.md"])
def test_the_profiles_are_the_shipped_ones(page):
    """The README shows all of them, and no page shows another under the name of one."""
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    profiles = shipped["tool"]["evalkit"]["profiles"]
    shown = tomllib.loads(block("toml", "[tool.evalkit.profiles.provider]", page))
    shown = shown["tool"]["evalkit"]["profiles"]
    assert {name: shown[name] for name in shown if name in profiles} == {
        name: profiles[name] for name in profiles if page == README or name in shown
    }
    assert set(shown) - set(profiles) <= {"gpu"}


def test_what_is_to_be_broken_is_there():
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    removed = [
        line[1:] for b in blocks(README, "diff") for line in b.text.splitlines() if line[0] == "-"
    ]
    assert len(removed) == 2
    assert [line for line in removed if line not in lines] == []


def test_the_tables_show_the_gates_that_the_suites_declare():
    """A gate that is added, dropped or renamed makes the pasted output old."""
    shown = re.findall(r"^(\w+) · .*\n  gate .*\n((?:  \w+ .*\n)+)", text_of(README), re.MULTILINE)
    assert {name for name, _ in shown} >= {path.stem for path in (ROOT / "suites").glob("*.toml")}
    for name, table in shown:
        suite = load_suite(ROOT / "suites" / f"{name}.toml", root=ROOT)
        declared = [section.keys[-1] for section in suite.gates]
        found = [line.split()[0] for line in table.splitlines() if not line.startswith("  $")]
        wanted = declared if "coverage" in declared else [*declared, "coverage"]
        assert [gate for gate in found if gate in wanted] == wanted


def test_the_exit_codes_are_the_code_s():
    table = text_of(README).partition("## Exit codes")[2].partition("\n## ")[0]
    last = [int(row.split("|")[-2].split()[-1]) for row in table.splitlines() if "| " in row[1:]
            and re.search(r"\d+ \|$", row)]  # fmt: skip
    codes = pipeline.EXIT_CODES
    assert last == [
        codes["PASS"],
        codes["FAIL"],
        pipeline.EXIT_INCONCLUSIVE,
        codes["ERROR"],
        pipeline.EXIT_NO_BASELINE,
        cli.EXIT_USAGE,
    ]


# ── targets ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "kind", "example"),
    [("app", CallableTarget, "callable"), ("service", HttpTarget, "http")],
)
def test_a_target_is_accepted_and_is_the_example_s(name, kind, example):
    table = tomllib.loads(block("toml", f"[targets.{name}]"))["targets"][name]
    options = {key: value for key, value in table.items() if key != "kind"}
    assert kind(**options)
    shipped = tomllib.loads((ROOT / "examples" / example / "evalkit.toml").read_text("utf-8"))
    same = set(table) & set(shipped["targets"][name]) - {"passage_fields"}
    assert {key: table[key] for key in same} == {key: shipped["targets"][name][key] for key in same}
    assert set(table) - same <= {"headers", "passage_fields"}


def test_the_function_returns_an_answer():
    names: dict = {}
    exec(block("python", "def answer("), names)
    answer = answer_of(names["answer"]("How long does a refund take?"), latency_s=0.0)
    assert answer.passages[0].document_id == "refunds"
    assert answer.usage.input_tokens == 412


# ── the fixture ──────────────────────────────────────────────────────────────────────────────────


def test_the_test_written_by_hand_passes_and_fails_as_shown():
    source = block("python", "def test_the_refund_rule")
    checker = Checker.for_project(ROOT, "offline")
    names: dict = {}
    exec(source, names)
    names["test_the_refund_rule"](checker)
    exec(source.replace('within ten days."  #', 'within thirty days."  #'), names)
    with pytest.raises(AssertionError) as failed:
        names["test_the_refund_rule"](checker)
    assert block("", "AssertionError").strip() == f"AssertionError: {failed.value}"


# ── the metric ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The metric of the README as a package that is installed, entry point and all."""
    package, metadata = tmp_path / "my_package", tmp_path / "my_package-1.dist-info"
    package.mkdir()
    metadata.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "grounded_numbers.py").write_text(block("python", "class GroundedNumbers"), "utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    points = tomllib.loads(block("toml", "entry-points"))["project"]["entry-points"]
    ((group, lines),) = points.items()
    entries = "".join(f"{name} = {value}\n" for name, value in lines.items())
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{entries}", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)


def test_the_metric_is_found_and_its_own_test_passes(installed):
    assert "grounded_numbers" in METRICS
    names: dict = {}
    exec(block("python", "def test_a_number", page="docs/adding-a-metric.md"), names)
    names["test_a_number_from_nowhere_costs_its_share"]()


def test_the_metric_can_be_gated(installed, tmp_path):
    suite = (ROOT / "suites" / "rag_quality.toml").read_text("utf-8")
    suite = suite.replace("[metrics]\n", "[metrics]\ngrounded_numbers = {}\n")
    path = tmp_path / "suites" / "numbers.toml"
    path.parent.mkdir()
    path.write_text(f"{suite}\n[gates.grounded_numbers]\nfloor = 0.9\n", "utf-8")
    from evalkit import assemble

    project = load_project(ROOT)
    promise = assemble.promise_of(load_suite(path, root=ROOT), "rag", project=project)
    assert "grounded_numbers" in [gate.name for gate in promise.gates]
