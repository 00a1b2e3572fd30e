"""Judges that lie, each in its own way, through whole suites: caught, or named by the verdict.

Every judge here is a scripted stand-in, and so is the target: 200 answers of five sentences, of
which it is written in the sentence whether it is true. None of these judges may end in a clean
PASS: green, and without a word about the judge.
"""

from __future__ import annotations

import csv
import re

import pytest

from evalkit import assemble, cards, pipeline
from evalkit.cli import main
from evalkit.config import load_project
from evalkit.plan import Effort
from tests.plugin.conftest import PROJECT

pytestmark = pytest.mark.slow

N = 200

APP = '''\
"""The stand-ins: two targets, and judges that say something else than what is written."""
import hashlib
from dataclasses import dataclass

from evalkit.errors import JudgeError
from evalkit.judges.scripted import ScriptedJudge


def share(text, salt):
    """A number in [0, 1) that is always the same for a text."""
    digest = hashlib.sha256(f"{salt} {text}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


# The targets: of what they say 10 %, 13 % and 18 % is invented.

def answer(question, invented=0.10):
    said = [f"Point {i} of {question}" for i in range(5)]
    text = " ".join(f"{p} is {'invented' if share(p, 'q') < invented else 'true'}." for p in said)
    return {"text": text, "passages": [{"document_id": "d1", "text": "All points are known."}]}


def a_little_worse(question):
    return answer(question, invented=0.13)


def worse(question):
    return answer(question, invented=0.18)


# The judges. `name` is what a judge calls itself: one that lies may call itself as before.

def honest(embedder, name="a judge"):
    return ScriptedJudge(supports=written, fingerprint=name)

def written(claim):
    return "unsupported" if "invented" in claim else "supported"

def always_one(embedder):
    return ScriptedJudge(supports="supported", fingerprint="a judge")

def lenient(embedder, name="a judge"):
    """Lets a fifth of what is invented pass: 0.02 of all that the first target says."""
    return ScriptedJudge(
        supports=lambda c: "supported" if share(c, "l") < 0.2 else written(c), fingerprint=name
    )

def lenient_and_says_so(embedder):
    return lenient(embedder, name="another judge")

def half_blind(embedder):
    """J = 0.35: right about 95 % of what is true, and 40 % of what is invented."""
    def says(claim):
        if "invented" in claim:
            return "supported" if share(claim, "b") < 0.60 else "unsupported"
        return "unsupported" if share(claim, "b") < 0.05 else "supported"
    return ScriptedJudge(supports=says, fingerprint="a judge")

def asleep_half_the_time(embedder):
    """J = 0.5: approves of what is said on every other question, and judges the rest."""
    def says(claim):
        number = int(claim.split("question ")[1].split()[0])
        return "supported" if number % 2 else written(claim)
    return ScriptedJudge(supports=says, fingerprint="a judge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faint(ScriptedJudge):
    """Gives no verdict on a third of the answers that say something invented, and else rarely."""

    async def support(self, *, claims, contexts):
        bad = sum("invented" in claim for claim in claims)
        if share(claims[0], "f") < (0.33 if bad else 0.01):
            raise JudgeError("the judge lost the thread")
        return await ScriptedJudge.support(self, claims=claims, contexts=contexts)

def faint(embedder):
    return Faint(supports=written, fingerprint="a judge")
'''

SUITE = """\
[suite]
purpose = "A stand-in target that says itself what it invents."
dataset = "tiny@1"
target = "app"
keep_answers = {kept}

[metrics]
faithfulness = {{}}

[gates.faithfulness]
"""

ABOUT_THE_JUDGE = re.compile(r"\bjudge\b|\bJ = ")


@pytest.fixture
def tiny(project, monkeypatch):
    monkeypatch.chdir(project.root)
    project.write("evalkit.toml", PROJECT)
    project.write("app.py", APP)
    project.cases([{"id": f"c{i:03}", "input": f"question {i}"} for i in range(N)])
    keeping(project, kept=False)
    return project


def keeping(tiny, *, kept):
    tiny.write("suites/tiny.toml", SUITE.format(kept=str(kept).lower()))


def set_up(tiny, *, judge, target):
    configured = PROJECT.replace("app:judge", f"app:{judge}").replace("app:answer", f"app:{target}")
    tiny.write("evalkit.toml", configured)


def plan_of(tiny):
    (plan,) = assemble.plans(
        tiny.root / "suites/tiny.toml", project=load_project(tiny.root), profile="offline"
    )
    return plan


def promoted(tiny, judge):
    """A baseline of five epochs, of the first target, as this judge sees it."""
    set_up(tiny, judge=judge, target="answer")
    plan = plan_of(tiny)
    place = pipeline.fresh_place(tiny.root / ".evalkit", resume=False)
    run = pipeline.measure(plan, place=place, effort=Effort(repeats=5))
    pipeline.promote(plan, run, because="a test needs one")


def verdict(tiny, judge, target):
    """The gate's verdict on a target, as this judge sees it."""
    set_up(tiny, judge=judge, target=target)
    report = tiny.root / "out"
    place = pipeline.fresh_place(report, resume=False)
    built = pipeline.run_build([plan_of(tiny)], place=place, effort=Effort(), report=report)
    (saved,) = built.saved
    return next(one for one in saved.decision.verdicts if one.gate == "faithfulness")


def is_clean(found):
    return found.outcome == "PASS" and not ABOUT_THE_JUDGE.search(found.reason)


def calibrated(tiny, judge):
    """The judge's J, by the command: 150 claims that are true, and as many that are invented."""
    set_up(tiny, judge=judge, target="answer")
    with (tiny.root / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "claim", "contexts", "label"])
        for i in range(300):
            what, label = ("true", "supported") if i % 2 else ("invented", "unsupported")
            claim = f"Point {i % 5} of question {1000 + i // 2} is {what}."
            rows.writerow([f"l{i}", claim, "All points are known.", label])
    assert main(["judge", "calibrate", "offline", "labels.csv"]) == 0
    (card,) = cards.load_all(tiny.root, "a judge")
    return cards.agreement_of(card).j.value


# ── the control: what is said of a judge that does not lie ───────────────────────────────────────


@pytest.mark.parametrize(("target", "outcome"), [("answer", "PASS"), ("worse", "FAIL")])
def test_an_honest_judge_is_not_accused(tiny, target, outcome):
    """The same suites and the same targets: 0.00 and 0.07 worse. Its card says what it sees."""
    assert calibrated(tiny, "honest") == 1.0
    promoted(tiny, "honest")
    found = verdict(tiny, "honest", target)
    assert found.outcome == outcome, found.reason
    assert "(J = 1.00 [" in found.reason
    for accusation in ("judge changed", "too weak", "approves of everything", "not calibrated"):
        assert accusation not in found.reason


# ── always 1 ─────────────────────────────────────────────────────────────────────────────────────


def test_a_judge_that_approves_of_everything_is_named(tiny):
    """The target is 0.07 worse and no score shows it: the verdict says how that looks."""
    promoted(tiny, "always_one")
    found = verdict(tiny, "always_one", "worse")
    assert not is_clean(found)
    assert "all 200 scores are 1.000, now and before" in found.reason
    assert "a judge that approves of everything would look the same" in found.reason
    assert "judge not calibrated" in found.reason


def test_its_card_takes_the_pass_from_a_judge_that_approves_of_everything(tiny):
    assert calibrated(tiny, "always_one") == 0.0
    promoted(tiny, "always_one")
    found = verdict(tiny, "always_one", "worse")
    assert found.outcome == "INCONCLUSIVE"
    assert "judge too weak: it sees 0.00 of a true drop" in found.reason


# ── another judge than before, under the same name ───────────────────────────────────────────────


@pytest.mark.parametrize("judge", ["always_one", "lenient"])
@pytest.mark.parametrize("target", ["answer", "a_little_worse"])
def test_a_judge_that_became_more_lenient_is_found_by_the_answers_that_stayed(tiny, judge, target):
    """It calls itself as before, and has its card from before: nothing but its scores has changed.

    What the target says is the same in all cases, or in most; their scores are higher by 0.02 and
    more.
    """
    calibrated(tiny, "honest")
    promoted(tiny, "honest")
    found = verdict(tiny, judge, target)
    assert "judge changed" in found.reason, found.reason
    assert "regressed" not in found.reason


# ── another judge than before, and it says so ────────────────────────────────────────────────────


def test_a_judge_of_another_name_is_not_compared_with_the_one_before(tiny):
    promoted(tiny, "honest")
    found = verdict(tiny, "lenient_and_says_so", "worse")
    assert found.outcome == "ERROR"
    assert "judge is 'another judge', the baseline's 'a judge'" in found.reason


@pytest.mark.parametrize(("target", "outcome"), [("answer", "PASS"), ("worse", "FAIL")])
def test_a_judge_of_another_name_judges_the_kept_answers_again(tiny, target, outcome):
    """Lenience then stands on both sides: what is left of a change is the target's own."""
    keeping(tiny, kept=True)
    promoted(tiny, "honest")
    found = verdict(tiny, "lenient_and_says_so", target)
    assert found.outcome == outcome, found.reason
    assert "judge changed" in found.reason
    if target == "answer":
        (check,) = found.checks
        assert check.comparison.delta == 0.0


# ── judges that see half ─────────────────────────────────────────────────────────────────────────


def test_a_judge_that_sees_less_than_half_of_a_drop_rules_none_out(tiny):
    """The target is 0.03 worse, 0.01 as judged: without the card it would be a PASS."""
    promoted(tiny, "half_blind")
    without = verdict(tiny, "half_blind", "a_little_worse")
    assert (without.outcome, is_clean(without)) == ("PASS", False)
    assert "judge not calibrated" in without.reason
    assert calibrated(tiny, "half_blind") == pytest.approx(0.35, abs=0.13)
    found = verdict(tiny, "half_blind", "a_little_worse")
    assert found.outcome == "INCONCLUSIVE"
    assert "judge too weak" in found.reason


def test_a_judge_that_sees_half_of_a_drop_says_what_the_other_half_makes_of_it(tiny):
    """J = 0.5 exactly may rule a drop out: as judged, and the verdict gives the true one."""
    assert calibrated(tiny, "asleep_half_the_time") == 0.5
    promoted(tiny, "asleep_half_the_time")
    found = verdict(tiny, "asleep_half_the_time", "a_little_worse")
    said = re.search(r"detects ([\d.]+) as judged, ([\d.]+) true \(J = 0\.50 ", found.reason)
    assert said, found.reason
    judged, true = map(float, said.groups())
    assert true == pytest.approx(2 * judged, abs=0.0015)  # both are rounded to 0.001


# ── a judge that fails where it matters ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("target", ["answer", "worse"])
def test_a_judge_that_loses_the_bad_answers_decides_nothing(tiny, target):
    """A third of the answers with something invented have no score: those left look better."""
    promoted(tiny, "honest")
    found = verdict(tiny, "faint", target)
    assert found.outcome == "ERROR"
    assert "of 200 cases not scored" in found.reason
    assert "at most 2.0 % may be missing" in found.reason
