"""A baseline of another judge: its kept answers are judged again, or nothing is compared."""

from __future__ import annotations

import pytest

from evalkit import assemble, codec, pipeline
from evalkit.config import load_project
from evalkit.plan import Effort
from evalkit.records import Saved

JUDGES = """
from evalkit.errors import JudgeError
from evalkit.judges.scripted import ScriptedJudge

def strict(embedder):
    # Calls one answer of the thirty unsupported that the judge before it let pass.
    return ScriptedJudge(
        name="strict", fingerprint="strict",
        supports=lambda claim: "unsupported" if "question 7 " in claim else "supported",
    )

def silent(embedder):
    def supports(claim):
        if "question 7 " in claim:
            raise JudgeError("nothing to say")
        return "supported"
    return ScriptedJudge(name="silent", fingerprint="silent", supports=supports)

def drifted(embedder):
    # Says that it is the judge of before, and and passes ten claims fewer.
    odd = [f"question {number} is" for number in range(1, 20, 2)]
    def supports(claim):
        return "unsupported" if any(one in claim for one in odd) else "supported"
    return ScriptedJudge(supports=supports)
"""


@pytest.fixture
def tiny(project):
    """Promoted with a first judge, its answers kept."""
    project.write("judges.py", JUDGES)
    project.edit("suites/tiny.toml", "[suite]\n", "[suite]\nkeep_answers = true\n")
    plan = plan_of(project)
    place = pipeline.fresh_place(project.root / ".evalkit", resume=False)
    run = pipeline.measure(plan, place=place, effort=Effort(repeats=5))
    pipeline.promote(plan, run, because="a test needs one")
    return project


def plan_of(tiny):
    project = load_project(tiny.root)
    (made,) = assemble.plans(tiny.root / "suites/tiny.toml", project=project, profile="offline")
    return made


def built(tiny):
    report = tiny.root / "out"
    place = pipeline.fresh_place(report, resume=False)
    return pipeline.run_build([plan_of(tiny)], place=place, effort=Effort(), report=report)


def judged_by(tiny, name):
    tiny.edit("evalkit.toml", "app:judge", f"judges:{name}")
    return built(tiny)


def test_another_judge_is_no_regression(tiny):
    """The strict judge takes one point of thirty from both sides: no change, and it is said why."""
    concluded = judged_by(tiny, "strict")
    (verdict, *_) = concluded.saved[0].decision.verdicts
    check = next(check for check in verdict.checks if check.kind == "regression")
    assert check.outcome == "PASS"
    assert check.comparison.reference == pytest.approx(29 / 30)
    assert check.comparison.delta == 0.0
    assert "judge changed" in check.reason


def test_the_same_run_is_decided_so_again_without_a_judge(tiny):
    """What was judged again travels in the run."""
    judged_by(tiny, "strict")
    saved = codec.load(Saved, tiny.root / "out/runs/tiny.json")
    assert saved.run.rejudged.fingerprint.judge == "strict"
    promise = assemble.promise_of_run(saved.run, project=load_project(tiny.root))
    again = pipeline.conclude([(promise, saved.run)], report=tiny.root / "again")
    assert again.saved[0].decision == saved.decision


def test_what_was_judged_again_of_an_older_baseline_is_not_taken(tiny):
    judged_by(tiny, "strict")
    saved = codec.load(Saved, tiny.root / "out/runs/tiny.json")
    path = "reports/baselines/offline/tiny.json"
    tiny.edit(path, saved.run.rejudged.promoted_at, "2026-01-01T00:00:00+00:00")
    promise = assemble.promise_of_run(saved.run, project=load_project(tiny.root))
    again = pipeline.conclude([(promise, saved.run)], report=tiny.root / "again")
    assert again.exit_code == 12


def test_without_kept_answers_nothing_is_compared(tiny):
    (tiny.root / "reports/baselines/offline/tiny.answers.jsonl.gz").unlink()
    concluded = judged_by(tiny, "strict")
    assert (concluded.outcome, concluded.exit_code) == ("ERROR", 12)


def test_a_judge_that_cannot_judge_them_all_is_not_compared(tiny):
    """A baseline with a hole would hide the case in which the judge has nothing to say."""
    concluded = judged_by(tiny, "silent")
    assert concluded.saved[0].run.rejudged is None
    assert concluded.outcome == "ERROR"


def test_the_same_judge_judges_nothing_again(tiny):
    assert built(tiny).saved[0].run.rejudged is None


def test_a_judge_that_changed_under_its_name_is_told_by_unchanged_answers(tiny):
    """No answer changed, some scores did: that is the judge, and it judges both sides again."""
    concluded = judged_by(tiny, "drifted")
    run = concluded.saved[0].run
    assert run.fingerprint.judge == run.rejudged.fingerprint.judge == "scripted"
    check = concluded.saved[0].decision.verdicts[0].checks[0]
    assert (check.outcome, check.comparison.delta) == ("PASS", 0.0)
    assert "judge changed" in check.reason


def test_without_kept_answers_such_a_judge_is_an_error(tiny):
    (tiny.root / "reports/baselines/offline/tiny.answers.jsonl.gz").unlink()
    concluded = judged_by(tiny, "drifted")
    assert (concluded.outcome, concluded.exit_code) == ("ERROR", 12)
    assert "judge changed: faithfulness of the same 30 answers" in (
        concluded.saved[0].decision.verdicts[0].reason
    )
