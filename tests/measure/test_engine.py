"""The engine measures each case once, journals before it tells, and survives what targets do."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from evalkit import journal
from evalkit.calls.ledger import Ledger
from evalkit.gates.protocol import Promise
from evalkit.journal import Place
from evalkit.measure import Engine
from evalkit.plan import IN_PROCESS, Effort, InProcess, Plan
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
    """Answers with the question, the first ones once `meeting` of them run; `fault` is raised."""

    fingerprint: str = "fake"
    meeting: int = 1
    asked: list[str] = field(default_factory=list)
    met: asyncio.Event = field(default_factory=asyncio.Event)
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
        if self.running == self.meeting:
            self.met.set()
        async with asyncio.timeout(60):
            await self.met.wait()
        for _ in range(5):  # so that one too many is seen, too
            await asyncio.sleep(0)
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


def plan(target, metric=None, *, cases=CASES, price=None, dataset_digest="d", ledger=None, **given):
    return Plan(
        purpose="p",
        promise=Promise(
            suite="s", path=Path("s.toml"), root=Path(), inconclusive="warn", gates=()
        ),
        dataset=Dataset(name="n", version="1", slice="", digest="d", cases=cases),
        target=target,
        metrics=metric if isinstance(metric, tuple) else (metric or FakeMetric(),),
        instruments=None,
        price=price,
        remote=given.pop("remote", InProcess(ledger=ledger)),
        **given,
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
    target = FakeTarget(meeting=3)
    measured(tmp_path, plan(target), concurrency=3)
    assert target.most_running == 3


def test_a_metric_is_asked_only_where_it_applies(tmp_path):
    """A case without what the metric needs has no score and is not missing one."""
    cases = (*CASES, Case(id="x", input="q", tags=("skip",)))
    entries = measured(tmp_path, plan(FakeTarget(), cases=cases))
    assert {score.case_id for score in entries.scores} == {case.id for case in CASES}


@pytest.mark.parametrize(
    "fault",
    [ValueError("boom"), SystemExit(0), TimeoutError("slow"), asyncio.CancelledError("its own")],
)
def test_whatever_a_target_raises_is_a_failure_of_the_trial(tmp_path, fault):
    """sys.exit(0) inside a target must not end the build green: it is a failure like any other.

    So is a task of its own that somebody cancelled; it must not end a worker of ours.
    """
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


@pytest.mark.parametrize(
    "value",
    [float("nan"), 1.5, -0.1, ValueError("x"), SystemExit(0), asyncio.CancelledError("its own")],
)
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
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=2.5)
    capped = plan(FakeTarget(), price=price, ledger=ledger)
    entries = measured(tmp_path, capped, concurrency=1, run_id="one")
    ledger.close()
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


def test_closing_gives_no_case_a_failure(tmp_path):
    """What we cancelled was not measured; a resumed run must do it."""

    class Slow(FakeTarget):
        async def answer(self, question):
            await asyncio.sleep(30)

    place = Place(folder=tmp_path, run_id="r", writer="main", resume=False)
    engine = Engine(plan(Slow()), place=place, effort=Effort())
    engine.start(CASES)
    assert _soon(lambda: engine._workers)
    engine.close()
    assert journal.read(tmp_path.glob("*.jsonl"), key=engine.plan.key).trials == ()


# ── how many at once ─────────────────────────────────────────────────────────────────────────────


@dataclass
class FakeRemote:
    """What a plan's models share, where they take so many requests; notes each closing."""

    concurrency: int = 0
    ledger: Ledger | None = None
    servers: tuple = ()
    closed: int = 0

    async def close(self):
        self.closed += 1


def _soon(true):
    """Wait at most a minute for something that another thread does."""
    for _ in range(6000):
        if true():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    ("asked", "takes", "expected"),
    [(None, 0, IN_PROCESS), (None, 4, IN_PROCESS), (None, 20, 20), (3, 20, 3), (12, 0, 12)],
)
def test_as_many_cases_run_as_the_models_take_requests(tmp_path, asked, takes, expected):
    """At least eight without being told; exactly what one is told, whatever the models take."""
    target = FakeTarget(meeting=expected)
    cases = tuple(Case(id=f"c{i}", input="q") for i in range(25))
    remote = FakeRemote(concurrency=takes)
    measured(tmp_path, plan(target, cases=cases, remote=remote), concurrency=asked)
    assert target.most_running == expected


def test_a_thousand_waiting_cases_are_no_thousand_tasks(tmp_path):
    """Two workers take them from a queue; all are done."""
    tasks = []

    class Counting(FakeTarget):
        async def answer(self, question):
            tasks.append(len(asyncio.all_tasks()))
            return Answer(text=question)

    cases = tuple(Case(id=f"c{i}", input="q") for i in range(1000))
    entries = measured(tmp_path, plan(Counting(), cases=cases), concurrency=2)
    assert len(entries.scores) == 1000
    assert max(tasks) <= 8


def test_cases_that_come_later_are_taken_up(tmp_path):
    """The workers of the first are gone by then."""
    place = Place(folder=tmp_path, run_id="r", writer="main", resume=False)
    with Engine(plan(FakeTarget()), place=place, effort=Effort(concurrency=2)) as engine:
        for case in CASES:
            assert engine.wait(case).trials[0].case_id == case.id


def test_metrics_of_one_answer_are_judged_at_once(tmp_path):
    """Three that each wait for all three to have begun: one after the other they never would."""
    begun, all_begun = set(), asyncio.Event()

    def waiting(metric_name):
        class Waiting(FakeMetric):
            name = metric_name

            async def score(self, case, answer, *, repeat, instruments):
                begun.add(metric_name)
                async with asyncio.timeout(60):
                    if len(begun) == 3:
                        all_begun.set()
                    await all_begun.wait()
                return Score(case_id=case.id, repeat=repeat, metric=metric_name, value=1.0)

        return Waiting()

    made = plan(FakeTarget(), tuple(map(waiting, "abc")), cases=CASES[:1])
    assert [type(score) for score in measured(tmp_path, made).scores] == [Score] * 3


def test_only_a_target_that_paces_itself_has_no_time_limit(tmp_path):
    """A judge outside this process says nothing of how long the target may hang."""

    class Slow(FakeTarget):
        async def answer(self, question):
            await asyncio.sleep(0.3)
            return Answer(text=question)

    remote = FakeRemote(concurrency=4)
    given = {"cases": CASES[:1], "remote": remote}
    hung = measured(tmp_path, plan(Slow(), **given), attempt_timeout_s=0.05, run_id="one")
    assert hung.trials[0].outcome.error_type == "TimeoutError"
    pacing = plan(Slow(), paces_itself=True, **given)
    done = measured(tmp_path, pacing, attempt_timeout_s=0.05, run_id="two")
    assert isinstance(done.trials[0].outcome, Answer)


@pytest.fixture
def thresholds():
    before = gc.get_threshold()
    yield gc.set_threshold
    gc.set_threshold(*before)


@pytest.mark.parametrize("first", [700, 50_000, 0])
def test_garbage_is_looked_for_less_often_until_the_last_engine_is_closed(
    tmp_path, thresholds, first
):
    """Two engines, closed in any order; whoever set it higher, or off, keeps that."""
    thresholds(first, 10, 10)
    during = max(first, 20_000) if first else 0

    def engine(run_id):
        place = Place(folder=tmp_path, run_id=run_id, writer="main", resume=False)
        return Engine(plan(FakeTarget()), place=place, effort=Effort())

    one, two = engine("one"), engine("two")
    assert gc.get_threshold() == (during, 10, 10)
    one.close()
    assert gc.get_threshold() == (during, 10, 10)
    two.close()
    assert gc.get_threshold() == (first, 10, 10)


# ── models outside this process ──────────────────────────────────────────────────────────────────


def test_models_are_let_go_of_where_nothing_runs(tmp_path):
    """Another suite may need the memory. A case that comes later is measured all the same."""
    remote, target = FakeRemote(), FakeTarget()
    place = Place(folder=tmp_path, run_id="r", writer="main", resume=False)
    with Engine(plan(target, remote=remote), place=place, effort=Effort()) as engine:
        engine.wait(CASES[0])
        engine.release()
        assert remote.closed == 1
        engine.wait(CASES[1])
        assert len(target.asked) == 2
    assert remote.closed == 2


def test_models_in_use_are_not_let_go_of(tmp_path):
    """A case of the suite is in flight."""
    go = threading.Event()

    class Held(FakeTarget):
        async def answer(self, question):
            await asyncio.to_thread(go.wait, 60)
            return Answer(text=question)

    remote = FakeRemote()
    place = Place(folder=tmp_path, run_id="r", writer="main", resume=False)
    with Engine(plan(Held(), remote=remote), place=place, effort=Effort()) as engine:
        engine.start(CASES[:1])
        assert _soon(lambda: engine._workers)
        engine.release()
        assert remote.closed == 0
        go.set()
        assert engine.wait(CASES[0]).scores
