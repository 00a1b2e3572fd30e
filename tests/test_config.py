"""A suite or project file says all that is wrong: line, value and what is allowed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal

import pytest

from evalkit.config import (
    Section,
    TomlFile,
    construct,
    find_root,
    load_project,
    load_suite,
)
from evalkit.errors import ConfigError, Problem
from evalkit.pricing import Price

GOOD = """\
[suite]
purpose = "p"
dataset = "d@1"
target = "rag"

[metrics]
faithfulness = {}

[gates.faithfulness]
floor = 0.8
"""


def problems_of(tmp_path, text):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_suite(path, root=tmp_path)
    return [str(problem) for problem in caught.value.problems]


def test_a_good_suite_is_read(tmp_path):
    """Header, metrics and gates, with the gate's section knowing its line."""
    (tmp_path / "s.toml").write_text(GOOD)
    suite = load_suite(tmp_path / "s.toml", root=tmp_path)
    assert (suite.name, suite.header.slice, suite.header.inconclusive) == ("s", "", "warn")
    assert [metric.keys for metric in suite.metrics] == [("metrics", "faithfulness")]
    assert str(suite.gates[0].problem("x", "floor")).startswith(
        "s.toml:10 gates.faithfulness.floor"
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("target", "traget", ["s.toml:4 suite.traget: unknown key 'traget'. Did you mean target?"]),
        ('target = "rag"', "", ["s.toml:1 suite: names its target, or several targets; exactly"]),
        ('target = "rag"', 'target = "rag"\ntargets = ["a"]', ["exactly one of the two keys"]),
        ('target = "rag"', 'targets = ["a", "b", "a"]', ["names a target twice in a, b, a"]),
        ('target = "rag"', 'targets = ["a", "../b"]', ["names the target '../b'; one of several"]),
        ("faithfulness = {}", '"own/metric" = 3', ["s.toml:7 metrics.own/metric: must be a table"]),
        ('"d@1"', "3", ["s.toml:3 suite.dataset: wrong type. Got 3. Allowed: a string."]),
        ("[metrics]", "[metricks]", ["s.toml:6 metricks: unknown table 'metricks'"]),
        ("faithfulness = {}", "", ["names nothing to measure"]),
        ("faithfulness = {}", "faithfulness = 1", ["must be a table. Got 1"]),
        ("[gates.faithfulness]\nfloor = 0.8\n", "", ["promises nothing"]),
        ("floor = 0.8", "floor = 0.8\nfloor = 0.0", ["s.toml:11: not valid TOML"]),
        ('purpose = "p"', 'inconclusive = "ignore"\npurpose = "p"', ["'warn' | 'fail'"]),
    ],
)  # fmt: skip
def test_each_fault_is_named(tmp_path, old, new, says):
    """File, line, key, the value and what is allowed; a duplicate key is an error, not the last."""
    found = "\n".join(problems_of(tmp_path, GOOD.replace(old, new)))
    for text in says:
        assert text in found


def test_all_faults_are_reported_together(tmp_path):
    """Three mistakes are three problems in one error."""
    text = GOOD.replace("purpose", "porpoise").replace("target", "traget")
    assert len(problems_of(tmp_path, text)) == 3  # two unknown keys, one missing


@dataclass(frozen=True)
class Options:
    size: int
    mode: Literal["a", "b"] = "a"
    ratio: float = 0.5
    names: tuple[str, ...] = ()
    price: Price | None = None

    def __post_init__(self):
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")


def built(tmp_path, text):
    (tmp_path / "o.toml").write_text(text)
    file = TomlFile(tmp_path / "o.toml", shown="o.toml")
    problems: list[Problem] = []
    return construct(Options, Section(file, (), file.data), problems), [str(p) for p in problems]


def test_a_table_becomes_a_record(tmp_path):
    """Integers pass for floats, lists become tuples, an inline table a nested record."""
    text = 'size = 2\nratio = 1\nnames = ["x"]\nprice = { input = 1, output = 2.0 }'
    options, problems = built(tmp_path, text)
    assert problems == []
    assert options == Options(2, "a", 1.0, ("x",), Price(input=1.0, output=2.0))


@pytest.mark.parametrize(
    "text",
    ["size = true", "size = 1.0", 'size = 1\nmode = "c"', "size = 1\nnames = [1]", "size = 0",
     "size = 1\nprice = { inptu = 1 }", "size = 1\nprice = { input = -1 }",
     "size = 1\nratio = '1'", "size = 1\nnames = 'x'", "size = 1\nprice = 3"],
)  # fmt: skip
def test_near_misses_are_refused(tmp_path, text):
    """true is not 1, 1.0 is not 1, a list of integers is no list of names."""
    options, problems = built(tmp_path, text)
    assert options is None
    assert len(problems) == 1


def test_the_project_is_found_upwards_and_read(tmp_path):
    """An evalkit.toml wins over nothing; without either file the error says what to run."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with pytest.raises(ConfigError, match="evalkit init"):
        find_root(inner)
    (tmp_path / "evalkit.toml").write_text(
        textwrap.dedent("""\
        [targets.rag]
        kind = "rag"
        [profiles.offline]
        generator = "g"
        judge = "j"
        """)
    )
    assert find_root(inner) == tmp_path
    project = load_project(tmp_path)
    assert project.profiles["offline"].embedder == "embedded/minilm"
    assert project.targets["rag"].table["kind"] == "rag"


def test_a_project_with_faults_lists_them(tmp_path):
    """An unknown table and a profile without a judge are two problems with their lines."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.evalkit.tragets.rag]\nkind = "rag"\n[tool.evalkit.profiles.p]\ngenerator = "g"\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    first, second = map(str, caught.value.problems)
    assert "pyproject.toml:1 tool.evalkit.tragets: unknown table" in first
    assert "pyproject.toml:3 tool.evalkit.profiles.p: missing key 'judge'" in second


@pytest.mark.parametrize("key", ["metrics", "gates"])
def test_a_list_in_the_place_of_a_table_is_refused(tmp_path, key):
    """`metrics = ["faithfulness"]` is what one writes from memory."""
    (tmp_path / "s.toml").write_text(f'{key} = ["faithfulness"]\n')
    with pytest.raises(ConfigError, match=rf"\[{key}\] must be a table"):
        load_suite(tmp_path / "s.toml", root=tmp_path)


def test_a_project_may_live_in_pyproject(tmp_path):
    """A `[tool.evalkit]` table makes the folder a project; a pyproject.toml alone does not."""
    inner = tmp_path / "a"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[project]\nname = "x"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.evalkit.targets.t]\nkind = "rag"\n')
    assert find_root(inner) == tmp_path
    assert list(load_project(tmp_path).targets) == ["t"]
