"""The straight line as a whole: what a build comes to, its exit code, and that it repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit import assemble, codec, journal, pipeline
from evalkit.config import load_project
from evalkit.errors import DataError
from evalkit.gates.budget import TokenGate
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Promise
from evalkit.plan import Effort
from evalkit.records import Saved
from tests.plugin.conftest import APP

OTHERS = """
def worse(question):
    return {"text": f"A wrong answer to {question} is given.", "passages": answer("")["passages"]}

def broken(question):
    raise OSError("down")
"""


@pytest.fixture
def tiny(project):
    """The tiny project, whose app also has a target that got worse and one that is broken."""
    project.write("app.py", APP + OTHERS)
    return project


def plan_of(tiny):
    project = load_project(tiny.root)
    (made,) = assemble.plans(tiny.root / "suites/tiny.toml", project=project, profile="offline")
    return made


def measured(tiny, *, repeats=1):
    place = pipeline.fresh_place(tiny.root / ".evalkit", resume=False)
    return pipeline.measure(plan_of(tiny), place=place, effort=Effort(repeats=repeats))


def promoted(tiny):
    pipeline.promote(plan_of(tiny), measured(tiny, repeats=5), because="a test needs one")
    return tiny


def built(tiny, report="out"):
    report = tiny.root / report
    place = pipeline.fresh_place(report, resume=False)
    return pipeline.run_build([plan_of(tiny)], place=place, effort=Effort(), report=report)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "journal" not in path.parts
    }


# ── exit codes, each by a real build ─────────────────────────────────────────────────────────────


def test_an_unchanged_target_exits_with_0(tiny):
    """30 answers as in the baseline: both gates pass, and every file of a build is there."""
    concluded = built(promoted(tiny))
    assert (concluded.outcome, concluded.exit_code) == ("PASS", 0)
    assert contents(tiny.root / "out").keys() == {
        "runs/tiny.json", "report.html", "report.md", "junit.xml",
    }  # fmt: skip
    assert all(path.is_file() for path in concluded.files)


def test_a_worse_target_exits_with_1(tiny):
    """Every claim is unsupported now: a drop of 1, from 1 to 0."""
    promoted(tiny).edit("evalkit.toml", "app:answer", "app:worse")
    concluded = built(tiny)
    assert (concluded.outcome, concluded.exit_code) == ("FAIL", 1)
    assert "dropped by 1.000" in concluded.view.headline


@pytest.mark.parametrize(("header", "code"), [("", 0), ('inconclusive = "fail"\n', 10)])
def test_an_undecided_gate_exits_with_10_where_the_suite_forbids_it(tiny, header, code):
    """30 cases where the gate wants 31."""
    tiny.edit("suites/tiny.toml", "floor = 0.8", "min_cases = 31")
    tiny.edit("suites/tiny.toml", "[suite]\n", f"[suite]\n{header}")
    concluded = built(promoted(tiny))
    assert (concluded.outcome, concluded.exit_code) == ("INCONCLUSIVE", code)


def test_a_target_that_is_down_exits_with_11(tiny):
    """Nothing was measured, so nothing is said of quality: neither 0 nor 1."""
    promoted(tiny).edit("evalkit.toml", "app:answer", "app:broken")
    concluded = built(tiny)
    assert (concluded.outcome, concluded.exit_code) == ("ERROR", 11)


def test_no_baseline_exits_with_12_and_the_command_that_mends_it(tiny):
    """The gate cannot compare: an ERROR that says which command makes it able to."""
    concluded = built(tiny)
    assert (concluded.outcome, concluded.exit_code) == ("ERROR", 12)
    command = "evalkit baseline promote suites/tiny.toml --profile offline"
    assert command in concluded.saved[0].decision.verdicts[0].reason


def test_a_baseline_of_other_data_exits_with_12(tiny):
    """It is there and does not fit: one case has another question now."""
    promoted(tiny).edit("datasets/tiny/1/cases.jsonl", "question 7", "question seven")
    concluded = built(tiny)
    assert concluded.exit_code == 12
    assert "dataset digest is" in concluded.saved[0].decision.verdicts[0].reason


def test_a_measurement_that_failed_is_not_mended_by_a_baseline(tiny):
    """Neither is there: the target is down, which exits with 11; promoting would not help."""
    tiny.edit("evalkit.toml", "app:answer", "app:broken")
    concluded = built(tiny)
    assert "there is no baseline" in concluded.saved[0].decision.verdicts[0].reason
    assert concluded.exit_code == 11


def test_a_missing_baseline_that_no_gate_asks_for_is_no_error(tiny):
    """`compare = false` leaves the baseline out: the floor alone decides."""
    tiny.edit("suites/tiny.toml", "floor = 0.8", "floor = 0.8\ncompare = false")
    concluded = built(tiny)
    assert (concluded.outcome, concluded.exit_code) == ("PASS", 0)


def test_a_failed_floor_is_a_failure_also_without_a_baseline(tiny):
    """FAIL is worse than ERROR: 1, not 12."""
    tiny.edit("evalkit.toml", "app:answer", "app:worse")
    assert built(tiny).exit_code == 1


# ── it repeats ───────────────────────────────────────────────────────────────────────────────────


def test_concluding_a_run_twice_gives_the_same_bytes(tiny):
    """Everything after judging is a function of the run and the baseline."""
    run = measured(promoted(tiny))
    promise = plan_of(tiny).promise
    for name in ("one", "two"):
        pipeline.conclude([(promise, run)], report=tiny.root / name)
    assert contents(tiny.root / "one") == contents(tiny.root / "two")


def test_a_saved_run_is_decided_again_as_it_was(tiny):
    """From its file alone, with the project's gates of today."""
    first = built(promoted(tiny))
    project = load_project(tiny.root)
    saved = codec.load(Saved, tiny.root / "out/runs/tiny.json")
    promise = assemble.promise_of_run(saved.run, project=project)
    again = pipeline.conclude([(promise, saved.run)], report=tiny.root / "again")
    assert [item.decision for item in again.saved] == [item.decision for item in first.saved]
    assert contents(tiny.root / "again") == contents(tiny.root / "out")


def test_a_saved_run_meets_todays_gates(tiny):
    """A floor of 0.9 that was 0.8: the same scores, another decision. No target is called."""
    tiny.edit("evalkit.toml", "app:answer", "app:worse")
    tiny.edit("suites/tiny.toml", "floor = 0.8", "floor = 0.0\ncompare = false")
    saved = built(tiny).saved[0]
    tiny.edit("suites/tiny.toml", "floor = 0.0", "floor = 0.9")
    promise = assemble.promise_of_run(saved.run, project=load_project(tiny.root))
    again = pipeline.conclude([(promise, saved.run)], report=tiny.root / "again")
    assert (saved.decision.outcome, again.outcome) == ("PASS", "FAIL")


def test_rendering_twice_gives_the_bytes_of_the_build(tiny):
    """A report can be made again from what was saved, to the byte."""
    concluded = built(promoted(tiny))
    pairs = [(plan_of(tiny).promise, item) for item in concluded.saved]
    for name in ("one", "two"):
        files = pipeline.render(pairs, report=tiny.root / name)
        assert [path.read_bytes() for path in files] == [
            path.read_bytes() for path in concluded.files
        ]


def test_the_summary_ends_with_where_the_report_is(tiny):
    """A table a suite, then the one file people open."""
    *table, report = built(promoted(tiny)).summary(color=False)
    assert table[0].startswith("tiny · offline profile")
    assert report == f"report: {tiny.root / 'out/report.html'}"


# ── its pieces ───────────────────────────────────────────────────────────────────────────────────


def test_margins_are_those_of_gates_that_compare(tmp_path):
    """A gate with a floor alone, and one that is not about a metric, have none."""
    gates = (
        MetricGate(name="faithfulness", margin=0.03),
        MetricGate(name="mrr", floor=0.5, compare=False),
        TokenGate(name="tokens", max_increase=0.1),
    )
    promise = Promise(
        suite="s", path=tmp_path / "s.toml", root=tmp_path, inconclusive="warn", gates=gates
    )
    assert pipeline.margins([promise]) == {("s", "faithfulness"): 0.03}


def test_a_run_is_in_the_datasets_order_whatever_came_first(tiny):
    """Cases finish in any order; two runs of one project differ in nothing but time."""
    plan, run = plan_of(tiny), measured(tiny)
    backwards = journal.Entries(trials=run.trials[::-1], scores=run.scores[::-1])
    again = pipeline.collect(plan, backwards, started=pipeline.now(), duration_s=0.0)
    assert (again.trials, again.scores) == (run.trials, run.scores)
    assert [trial.case_id for trial in run.trials] == [case.id for case in plan.dataset.cases]


def test_a_run_with_a_hole_becomes_no_baseline(tiny):
    """Four repeats are not five, and nothing is written."""
    with pytest.raises(DataError, match="4 repeats, a baseline needs 5"):
        pipeline.promote(plan_of(tiny), measured(tiny, repeats=4), because="x")
    assert not (tiny.root / "reports").exists()


def test_a_case_without_an_answer_is_no_baseline(tiny):
    """What was not measured once cannot be compared with for months."""
    run = measured(tiny, repeats=5)
    with pytest.raises(DataError, match="c00"):
        pipeline.promote(plan_of(tiny), replace(run, scores=run.scores[1:]), because="x")


def test_measuring_replaces_a_build_and_deciding_again_does_not(tiny):
    """A run of another suite goes when a build is measured, and stays when one run is regated."""
    other = tiny.root / "reports/latest/runs/other.json"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    run = measured(tiny)
    pipeline.conclude([(plan_of(tiny).promise, run)], report=tiny.root / "reports/latest")
    assert other.exists()
    pipeline.clear_runs(tiny.root / "reports/latest")
    assert not other.exists()
