"""The engine measures each case once, journals before it tells, and survives what targets do."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from evalkit import journal
from evalkit.gates.protocol import Promise
from evalkit.journal import Place
from evalkit.measure import Effort, Engine, Plan
from evalkit.pricing import Price
from evalkit.records import (
    Answer,
    Case,
    Dataset,
    Failure,
    Fingerprint,
    Score,
    Unscored,
    Usage,
)


@dataclass
class FakeTarget:
    """Answers with the question; `fault` is called first and may raise."""

    fingerprint: str = "fake"
    asked: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    fault: object = None
    ingest_fault: object = None

    async def ingest(self, documents):
        if self.ingest_fault:
            raise self.ingest_fault

    async def answer(self, question):
        self.asked.append(question)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await asyncio.sleep(0.001)
        self.running -= 1
        if self.fault:
            raise self.fault
        return Answer(text=question, usage=Usage(input_tokens=1_000_000))


@dataclass(frozen=True)
class FakeMetric:
    name: ClassVar[str] = "fake"
    version: ClassVar[int] = 1
    value: object = 1.0
    case_id: str | None = None

    def applies_to(self, case):
        return "skip" not in case.tags

    async def score(self, case, answer, *, repeat, instruments):
        if isinstance(self.value, BaseException):
            raise self.value
        return Score(
            case_id=self.case_id or case.id, repeat=repeat, metric=self.name, value=self.value
        )


CASES = tuple(Case(id=f"c{i}", input=f"q{i}") for i in range(6))


def plan(target, metric=None, *, cases=CASES, price=None, dataset_digest="d"):
    return Plan(
        purpose="p",
        promise=Promise(
            suite="s", path=Path("s.toml"), root=Path(), inconclusive="warn", gates=()
        ),
        dataset=Dataset(name="n", version="1", slice="", digest="d", cases=cases),
        target=target,
        metrics=(metric or FakeMetric(),),
        instruments=None,
        price=price,
        fingerprint=Fingerprint(
            suite="s", profile="p", dataset="n@1", dataset_slice="",
            dataset_digest=dataset_digest, target="t", generator="g", judge="j", judge_card="",
            embedder="e", price_table="", metrics=(), prompts=(), config_digest="",
        ),
    )  # fmt: skip


def measured(tmp_path, plan, *, resume=False, run_id="r", **effort):
    place = Place(folder=tmp_path, run_id=run_id, writer="main", resume=resume)
    with Engine(plan, place=place, effort=Effort(**effort)) as engine:
        return engine.all()


def test_every_case_has_a_trial_and_a_score_a_repeat(tmp_path):
    """6 cases × 2 repeats are 12 trials and 12 scores, and the journal holds the same."""
    target = FakeTarget()
    entries = measured(tmp_path, plan(target), repeats=2)
    assert len(entries.trials) == len(entries.scores) == 12
    book = journal.read(tmp_path.glob("*.jsonl"), key=plan(target).key)
    assert set(book.trials) == set(entries.trials)
    assert set(book.scores) == set(entries.scores)


def test_concurrency_is_bounded_and_used(tmp_path):
    """With 3 slots and 6 cases three run at once, never four."""
    target = FakeTarget()
    measured(tmp_path, plan(target), concurrency=3)
    assert target.most_running == 3


def test_a_metric_is_asked_only_where_it_applies(tmp_path):
    """A case without what the metric needs has no score and is not missing one."""
    cases = (*CASES, Case(id="x", input="q", tags=("skip",)))
    entries = measured(tmp_path, plan(FakeTarget(), cases=cases))
    assert {score.case_id for score in entries.scores} == {case.id for case in CASES}


@pytest.mark.parametrize("fault", [ValueError("boom"), SystemExit(0), TimeoutError("slow")])
def test_whatever_a_target_raises_is_a_failure_of_the_trial(tmp_path, fault):
    """sys.exit(0) inside a target must not end the build green: it is a failure like any other."""
    entries = measured(tmp_path, plan(FakeTarget(fault=fault)))
    assert {trial.outcome.error_type for trial in entries.trials} == {type(fault).__name__}
    assert all(isinstance(score, Unscored) for score in entries.scores)
    assert "no answer" in entries.scores[0].reason


def test_a_target_may_name_the_stage_that_failed(tmp_path):
    """The note `stage: retrieve` on an exception is the failure's stage; without one, `answer`."""
    fault = OSError("index gone")
    fault.add_note("stage: retrieve")
    [trial] = measured(tmp_path, plan(FakeTarget(fault=fault), cases=CASES[:1])).trials
    assert trial.outcome == Failure(stage="retrieve", error_type="OSError", message="index gone")
    [other] = measured(
        tmp_path, plan(FakeTarget(fault=OSError()), cases=CASES[:1]), run_id="two"
    ).trials
    assert other.outcome.stage == "answer"


def test_a_corpus_that_cannot_be_ingested_fails_every_trial(tmp_path):
    """Nothing is asked of a target that has no documents; each case says why."""
    target = FakeTarget(ingest_fault=OSError("disk full"))
    entries = measured(tmp_path, plan(target))
    assert target.asked == []
    assert {trial.outcome for trial in entries.trials} == {
        Failure(stage="ingest", error_type="OSError", message="disk full")
    }


def test_a_target_that_hangs_is_given_up(tmp_path):
    """An attempt longer than its timeout is a TimeoutError, not a build that never ends."""

    class Hangs(FakeTarget):
        async def answer(self, question):
            await asyncio.sleep(60)

    entries = measured(tmp_path, plan(Hangs(), cases=CASES[:1]), attempt_timeout_s=0.05)
    assert entries.trials[0].outcome.error_type == "TimeoutError"


@pytest.mark.parametrize("value", [float("nan"), 1.5, -0.1, ValueError("x"), SystemExit(0)])
def test_a_metric_that_breaks_is_a_missing_score(tmp_path, value):
    """NaN, a value out of range and an exception are Unscored, never a number."""
    entries = measured(tmp_path, plan(FakeTarget(), FakeMetric(value=value)))
    assert all(isinstance(score, Unscored) for score in entries.scores)


def test_a_score_for_another_case_is_not_taken(tmp_path):
    """A metric that mixes up cases gives no score at all."""
    entries = measured(tmp_path, plan(FakeTarget(), FakeMetric(case_id="c0")))
    scored = [score.case_id for score in entries.scores if isinstance(score, Score)]
    assert scored == ["c0"]


def test_a_resumed_run_asks_only_what_is_missing(tmp_path):
    """Four of six cases are in the journal: two questions are asked, and the result is whole."""
    first = plan(FakeTarget())
    place = Place(folder=tmp_path, run_id="one", writer="main", resume=False)
    with Engine(first, place=place, effort=Effort()) as engine:
        for case in CASES[:4]:
            engine.wait(case)
    target = FakeTarget()
    entries = measured(tmp_path, plan(target), resume=True, run_id="two")
    assert sorted(target.asked) == ["q4", "q5"]
    assert len(entries.trials) == len(entries.scores) == 6


def test_without_resume_everything_is_asked_again(tmp_path):
    """An old journal is no result of this run."""
    measured(tmp_path, plan(FakeTarget()), run_id="one")
    target = FakeTarget()
    measured(tmp_path, plan(target), run_id="two")
    assert len(target.asked) == 6


def test_cost_is_priced_and_the_budget_stops_the_run(tmp_path):
    """A dollar a case and a budget of 2.5: three answers, then failures; resuming pays the rest."""
    price = Price(input=1.0)
    entries = measured(
        tmp_path, plan(FakeTarget(), price=price), concurrency=1, max_usd=2.5, run_id="one"
    )
    outcomes = [trial.outcome for trial in entries.trials]
    assert [type(outcome) for outcome in outcomes] == [Answer] * 3 + [Failure] * 3
    assert outcomes[0].cost.usd == pytest.approx(1.0)
    target = FakeTarget()
    again = measured(tmp_path, plan(target, price=price), resume=True, run_id="two")
    assert len(target.asked) == 3
    assert all(isinstance(score, Score) for score in again.scores)


def test_closing_early_leaves_no_thread(tmp_path):
    """`pytest -x` ends a session with cases still running."""

    class Slow(FakeTarget):
        async def answer(self, question):
            await asyncio.sleep(30)

    place = Place(folder=tmp_path, run_id="r", writer="main", resume=False)
    engine = Engine(plan(Slow()), place=place, effort=Effort())
    engine.start(CASES)
    thread = engine._thread
    engine.close()
    assert not thread.is_alive()
    assert sys.exc_info() == (None, None, None)
