"""Builds of several targets: a run each, decided together, never against nothing."""

from __future__ import annotations

import pytest

from evalkit import assemble, comparing, pipeline
from evalkit.config import load_project
from evalkit.plan import Effort
from tests.plugin.conftest import APP, SUITE
from tests.servers.served_project import build_of, plans_of

BOTH = """\
[targets.full]
kind = "callable"
function = "app:answer"
price = { input = 3.0 }

[targets.small]
kind = "callable"
function = "app:answer"
price = { input = 1.0 }

[profiles.offline]
judge = "app:judge"
embedder = "scripted"
"""

COMPARED = SUITE.replace('target = "app"', 'targets = ["full", "small"]').replace(
    "floor = 0.8", 'kind = "versus"\nmetric = "faithfulness"'
)

COUNTED = """
def answer(question):
    passages = [{"document_id": "d1", "text": "All answers are known."}]
    text = f"The answer to {question} is known."
    return {"text": text, "passages": passages, "usage": {"input_tokens": 1000}}

def worse(question):
    return {**answer(question), "text": f"A wrong answer to {question} is given."}
"""


@pytest.fixture
def both(project):
    """A suite of two targets on the same cases, the second to be as good and a third cheaper."""
    project.write("app.py", APP.partition("def answer")[0] + COUNTED)
    project.write("evalkit.toml", BOTH)
    project.write("suites/tiny.toml", f'{COMPARED}\n[gates.saved]\nkind = "saving"\n'
                  "min_saving = 0.3\n")  # fmt: skip
    return project


def verdicts(concluded):
    return {
        (item.run.fingerprint.suite, verdict.gate): verdict
        for item in concluded.saved
        for verdict in item.decision.verdicts
    }


def test_a_cheaper_target_as_good_as_the_first_passes(both):
    """A run a target, gates between them on the second alone, no baseline asked for."""
    concluded = build_of(both)
    found = verdicts(concluded)
    assert (concluded.outcome, concluded.exit_code) == ("PASS", 0)
    assert set(found) == {
        ("tiny@full", "coverage"), ("tiny@small", "faithfulness"), ("tiny@small", "saved"),
        ("tiny@small", "coverage"),
    }  # fmt: skip
    assert "$0.003 → $0.001 per case, −66.7 %" in found["tiny@small", "saved"].reason
    assert {path.name for path in (both.root / "out/runs").iterdir()} == {
        "tiny@full.json", "tiny@small.json",
    }  # fmt: skip
    assert [suite.name for suite in concluded.view.suites] == ["tiny@full", "tiny@small"]


def test_a_worse_target_fails_against_the_first(both):
    """Paired by case, without any baseline: a drop from 1 to 0."""
    both.edit("evalkit.toml", '"app:answer"\nprice = { input = 1.0 }',
              '"app:worse"\nprice = { input = 2.9 }')  # fmt: skip
    concluded = build_of(both)
    found = verdicts(concluded)
    assert (concluded.outcome, concluded.exit_code) == ("FAIL", 1)
    assert found["tiny@small", "faithfulness"].outcome == "FAIL"
    assert "dropped by 1.000" in found["tiny@small", "faithfulness"].reason
    assert found["tiny@small", "saved"].outcome == "FAIL"


def test_saved_runs_of_both_targets_are_decided_as_they_were(both):
    """Together they are the build; what was measured is enough."""
    first = build_of(both)
    project = load_project(both.root)
    runs = [item.run for item in first.saved]
    measured = [(assemble.promise_of_run(run, project=project), run) for run in runs]
    again = pipeline.conclude(measured, report=both.root / "again")
    assert [item.decision for item in again.saved] == [item.decision for item in first.saved]


def test_a_target_s_run_alone_cannot_be_compared(both):
    """The first target's run is missing: both gates between targets are an ERROR, never a PASS."""
    run = build_of(both).saved[1].run
    promise = assemble.promise_of_run(run, project=load_project(both.root))
    alone = pipeline.conclude([(promise, run)], report=both.root / "again")
    assert (alone.outcome, alone.exit_code) == ("ERROR", 11)
    found = verdicts(alone)
    for gate in ("faithfulness", "saved"):
        assert found["tiny@small", gate].outcome == "ERROR"
        assert "there is no other target to compare with" in found["tiny@small", gate].reason


def test_a_run_of_another_suite_is_no_rival(both):
    """The same target's name in another file is other cases."""
    plan = plans_of(both)[1]
    run = build_of(both).saved[1].run
    for among, names in (({"tiny@full": run}, ["full"]), ({"other@full": run}, []), ({}, [])):
        found = comparing.compare(run, plan.promise, among=among)
        assert [name for name, _ in found.rivals] == names


def test_each_target_has_a_baseline_of_its_own(both):
    """A gate against the baseline holds for each of them."""
    both.write("suites/tiny.toml", SUITE.replace('target = "app"', 'targets = ["full", "small"]'))
    for plan in plans_of(both):
        place = pipeline.fresh_place(both.root / ".evalkit", resume=False)
        run = pipeline.measure(plan, place=place, effort=Effort(repeats=5))
        pipeline.promote(plan, run, because="a test needs one")
    assert build_of(both).exit_code == 0
    folder = both.root / "reports/baselines/offline"
    assert {path.name for path in folder.iterdir()} == {"tiny@full.json", "tiny@small.json"}
