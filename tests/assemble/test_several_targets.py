"""A suite of several targets: a plan each, gates between them, every fault told once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit import assemble
from evalkit.config import load_project
from evalkit.errors import ConfigError
from tests.plugin.conftest import SUITE

SEVERAL = """\
[targets.full]
kind = "callable"
function = "app:answer"

[targets.small]
kind = "callable"
function = "app:answer"
price = { input = 1.0 }

[targets.smallest]
kind = "callable"
function = "app:answer"

[profiles.offline]
judge = "app:judge"
embedder = "scripted"
"""

THREE = SUITE.replace('target = "app"', 'targets = ["full", "small", "smallest"]')
VERSUS = '[gates.quality]\nkind = "versus"\nmetric = "faithfulness"\n'
SAVING = '[gates.saved]\nkind = "saving"\nmin_saving = 0.3\n'


@pytest.fixture
def several(project):
    """Three targets in one suite, with these gates beside the floor."""

    def made(*gates, suite=THREE):
        project.write("evalkit.toml", SEVERAL)
        project.write("suites/tiny.toml", "\n".join([suite, *gates]))
        return assemble.plans(
            project.root / "suites/tiny.toml",
            project=load_project(project.root),
            profile="offline",
        )

    return made


def gate_names(plan):
    return [gate.name for gate in plan.promise.gates]


def test_each_target_is_a_plan_in_order(several):
    """On the same cases; the run of each is known by suite and target."""
    full, small, smallest = several()
    assert [plan.name for plan in (full, small, smallest)] == [
        "tiny@full", "tiny@small", "tiny@smallest",
    ]  # fmt: skip
    assert full.dataset == small.dataset == smallest.dataset
    assert [plan.promise.rivals for plan in (full, small, smallest)] == [
        (), ("full",), ("full", "small"),
    ]  # fmt: skip
    assert len({plan.key for plan in (full, small, smallest)}) == 3
    assert (full.price, small.price.input) == (None, 1.0)


def test_gates_between_targets_are_those_of_the_later_ones(several):
    """The first has nothing before it; a floor holds for each."""
    full, small, smallest = several(VERSUS, SAVING)
    assert gate_names(full) == ["faithfulness", "coverage"]
    assert gate_names(small) == ["faithfulness", "quality", "saved", "coverage"]
    assert gate_names(smallest) == gate_names(small)


def test_a_gate_that_names_its_rival_is_decided_after_it(several):
    """`small` is not compared with itself."""
    full, small, smallest = several(f'{VERSUS}than = "small"\n', f'{SAVING}than = "full"\n')
    assert gate_names(full) == ["faithfulness", "coverage"]
    assert gate_names(small) == ["faithfulness", "saved", "coverage"]
    assert gate_names(smallest) == ["faithfulness", "quality", "saved", "coverage"]


@pytest.mark.parametrize("gate", [VERSUS, SAVING])
@pytest.mark.parametrize(
    "suite", [SUITE.replace('"app"', '"full"'), THREE.replace(', "small", "smallest"', "")]
)
def test_a_gate_between_targets_needs_two(several, gate, suite):
    """With one it would be a promise that nothing can break."""
    with pytest.raises(ConfigError) as caught:
        several(gate, suite=suite)
    (problem,) = caught.value.problems
    assert problem.where.startswith("suites/tiny.toml:12 gates.")
    assert problem.what == "compares with a target measured before"
    assert problem.allowed.startswith("several targets in [suite]")


@pytest.mark.parametrize("gate", [VERSUS, SAVING])
@pytest.mark.parametrize("than", ["smallest", "smal", "app"])
def test_a_rival_that_is_not_measured_before_is_refused(several, gate, than):
    """The last target, a typo, and a target of another suite; told once, not once a target."""
    with pytest.raises(ConfigError) as caught:
        several(f'{gate}than = "{than}"\n')
    (problem,) = caught.value.problems
    assert problem.where.startswith("suites/tiny.toml:12 gates.")
    assert (problem.value, problem.allowed) == (repr(than), "full, small")


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        (VERSUS.replace("faithfulness", "mrr"), "gates mrr, which the suite does not measure"),
        (VERSUS.replace('metric = "faithfulness"\n', ""), "missing key 'metric'"),
        (f"{VERSUS}margin = -0.1\n", "margin"),
        (SAVING.replace("0.3", "1.0"), "min_saving must be within (0, 1), got 1.0"),
        (f'{SAVING}of = "euro"\n', "of must be one of usd, tokens, got 'euro'"),
    ],
)
def test_a_fault_of_a_gate_between_targets_is_told_once(several, gate, says):
    """Three targets share the gate, and its fault."""
    with pytest.raises(ConfigError) as caught:
        several(gate)
    (problem,) = caught.value.problems
    assert says in problem.what


def test_the_faults_of_all_targets_come_at_once(several, project):
    """An unknown one and one that cannot be made: neither hides the other."""
    with pytest.raises(ConfigError) as caught:
        several(suite=THREE.replace('"small"', '"smal"'))
    (problem,) = caught.value.problems
    assert problem.where == "suites/tiny.toml:4 suite.targets"
    assert problem.what == "unknown target 'smal'. Did you mean small?"
    project.write("evalkit.toml", SEVERAL.replace('"app:answer"', '"app:nope"'))
    suite, loaded = project.root / "suites/tiny.toml", load_project(project.root)
    with pytest.raises(ConfigError) as caught:
        assemble.plans(suite, project=loaded, profile="offline")
    found = [problem.what for problem in caught.value.problems]
    assert ["has no attribute 'nope'" in found[0], "unknown target 'smal'" in found[1]] == [
        True, True,
    ]  # fmt: skip


def test_the_gates_of_a_saved_run_are_those_of_its_target(several, project):
    """And a target that the suite no longer measures is an error with what there is."""
    _, small, _ = several(VERSUS)
    loaded = load_project(project.root)
    run = type("Run", (), {"fingerprint": small.fingerprint})
    assert assemble.promise_of_run(run, project=loaded) == small.promise
    for name in ("tiny@gone", "tiny"):
        run.fingerprint = replace(small.fingerprint, suite=name)
        with pytest.raises(ConfigError, match="no longer measures the target") as caught:
            assemble.promise_of_run(run, project=loaded)
        assert caught.value.problems[0].allowed == "full, small, smallest"
