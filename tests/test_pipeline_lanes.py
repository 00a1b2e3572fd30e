"""The lane of a release: nothing undecided passes, and the last release is compared with, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit import assemble, baselines, codec, comparing, pipeline
from evalkit.config import load_project
from evalkit.plan import Effort
from evalkit.records import Saved
from tests.plugin.conftest import APP

WORDS = """
def said(question, wrong):
    text = f"The answer to {question} is known."
    number = int(question.split()[-1])
    if number < wrong:
        text = f"A wrong answer to {question} is given."
    return {"text": text, "passages": answer(question)["passages"]}

def a_little_worse(question):
    return said(question, 1)

def worse_again(question):
    return said(question, 2)
"""


@pytest.fixture
def tiny(project):
    project.write("app.py", APP + WORDS)
    return project


def plan_of(tiny, lane="pr"):
    project = load_project(tiny.root)
    suite = tiny.root / "suites/tiny.toml"
    (made,) = assemble.plans(suite, project=project, profile="offline", lane=lane)
    return made


def promoted(tiny):
    place = pipeline.fresh_place(tiny.root / ".evalkit", resume=False)
    plan = plan_of(tiny)
    run = pipeline.measure(plan, place=place, effort=Effort(repeats=5))
    pipeline.promote(plan, run, because="a test needs one")


def built(tiny, lane):
    report = tiny.root / "out"
    place = pipeline.fresh_place(report, resume=False)
    return pipeline.run_build([plan_of(tiny, lane)], place=place, effort=Effort(), report=report)


def test_a_release_needs_a_pinned_baseline(tiny):
    """The pull request's lane passes; that of the release exits with 12 and names the command."""
    promoted(tiny)
    assert built(tiny, "pr").exit_code == 0
    concluded = built(tiny, "release")
    assert (concluded.outcome, concluded.exit_code) == ("ERROR", 12)
    assert "evalkit baseline pin suites/tiny.toml" in concluded.saved[0].decision.verdicts[0].reason


def test_an_unchanged_target_is_released(tiny):
    promoted(tiny)
    baselines.pin(tiny.root, "offline", "tiny", because="release 1")
    concluded = built(tiny, "release")
    assert (concluded.outcome, concluded.exit_code) == ("PASS", 0)
    kinds = {c.kind for c in concluded.saved[0].decision.comparisons}
    assert kinds == {"regression", "release", "floor"}


def test_small_drops_that_each_passed_are_seen_against_the_release(tiny):
    """Each step loses one answer of 30 (0.033): within 0.05 of the step before, not of the release.

    The release had none wrong, the baseline has one, the run has two: 0.033 and 0.067.
    """
    tiny.edit("suites/tiny.toml", "floor = 0.8", "floor = 0.8\nmargin = 0.1")
    promoted(tiny)
    baselines.pin(tiny.root, "offline", "tiny", because="release 1")
    tiny.edit("evalkit.toml", "app:answer", "app:a_little_worse")
    promoted(tiny)
    tiny.edit("evalkit.toml", "app:a_little_worse", "app:worse_again")
    checks = {
        check.kind: check for check in built(tiny, "release").saved[0].decision.verdicts[0].checks
    }
    assert checks["regression"].outcome == "PASS"
    assert checks["release"].outcome == "INCONCLUSIVE"
    assert checks["release"].comparison.delta == pytest.approx(
        2 * checks["regression"].comparison.delta
    )


def test_nothing_undecided_is_released(tiny):
    """30 cases where the gate wants 31: a warning before, red now, whatever the suite says."""
    tiny.edit("suites/tiny.toml", "floor = 0.8", "min_cases = 31")
    promoted(tiny)
    baselines.pin(tiny.root, "offline", "tiny", because="release 1")
    assert built(tiny, "pr").exit_code == 0
    concluded = built(tiny, "release")
    assert (concluded.outcome, concluded.exit_code) == ("INCONCLUSIVE", 10)


def test_a_saved_run_can_be_decided_in_the_other_lane(tiny):
    promoted(tiny)
    built(tiny, "pr")
    saved = codec.load(Saved, tiny.root / "out/runs/tiny.json")
    project = load_project(tiny.root)
    promise = assemble.promise_of_run(saved.run, project=project, lane="release")
    again = pipeline.conclude([(promise, saved.run)], report=tiny.root / "again")
    assert again.exit_code == 12


def test_no_case_is_spared_in_the_lane_of_a_release(tiny):
    """Looks and known scores are for pull requests, where judging costs, and for one epoch."""
    promoted(tiny)
    one, five = Effort(), Effort(repeats=5)
    plan = plan_of(tiny)
    assert comparing.past_of(plan, effort=one, tests=1) is None  # its judge costs nothing
    costly = replace(plan, judge_costs=True)
    assert comparing.past_of(costly, effort=one, tests=1).looks
    assert comparing.past_of(costly, effort=five, tests=1) is None
    released = replace(plan_of(tiny, "release"), judge_costs=True)
    assert comparing.past_of(released, effort=one, tests=1) is None


def test_journals_of_both_lanes_are_the_same_work(tiny):
    """The lane decides, it does not measure: a resumed run may change it."""
    assert plan_of(tiny, "pr").key == plan_of(tiny, "release").key
