"""Run and judge: a suite's cases through the target and the metrics, all at once, journaled.

One event loop in a background thread serves a suite. Callers say which cases they want and wait for
the ones they need; every finished trial and score is in the journal before anyone sees it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from evalkit import journal, scope
from evalkit.errors import BudgetExceeded
from evalkit.measure.collector import COLLECTOR
from evalkit.measure.looks import Known, is_settled, schedules
from evalkit.metrics.protocol import Metric
from evalkit.plan import IN_PROCESS, Effort, Past, Plan
from evalkit.pricing import cost_of
from evalkit.records import (
    ANSWERING,
    Answer,
    Case,
    Failure,
    Looks,
    Score,
    Spend,
    Stop,
    Trial,
    Unscored,
    added,
)
from evalkit.scope import Scope

MESSAGE_LIMIT = 500
"""Characters of an error message that are kept: enough to act on, too few to carry a document."""

BROKEN = (Exception, SystemExit, asyncio.CancelledError)
"""What code under test may do to us: it ends one trial or one score, never the run. A target that
calls `sys.exit(0)` must not end the build, green; nor must one whose own task was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One case, done: a trial a repeat, and a score or its absence a trial and metric."""

    trials: tuple[Trial, ...]
    scores: tuple[Score | Unscored, ...]


class Engine:
    """Measures the cases of one plan. Use as a context manager; leaving it stops what is running.

    What the place's journals already hold of this plan is not done again.
    """

    def __init__(
        self, plan: Plan, *, place: journal.Place, effort: Effort, past: Past | None = None
    ) -> None:
        """`past` spares the judge what its baseline knows and what no verdict needs.

        Raises `DataError` where the journals cannot be read or belong to another run.
        """
        self.plan = plan
        self._effort = effort
        self._past = past
        self._taken = Known.of(past)
        self._schedules = schedules(plan, past)
        self._deferred = {
            (case.id, name)
            for name, schedule in self._schedules.items()
            for case in schedule.cases[schedule.sizes[0] :]
        }
        known = journal.read(place.files(plan.name), key=plan.key)
        self._trials = {(t.case_id, t.repeat): t for t in known.trials if not _is_unpaid(t)}
        self._scores = {
            (s.case_id, s.repeat, s.metric): s
            for s in known.scores
            if (s.case_id, s.repeat) in self._trials and not _is_unpaid(s)
        }
        self._earlier = {(s.case_id, s.repeat, s.part): s for s in known.spends}
        self._spends: dict[str, Spend] = {}
        self._journal = journal.Journal(place.own(plan.name), key=plan.key)
        self._began_s = self._ended_s = time.perf_counter()
        self._lock = threading.Lock()
        self._begun: set[str] = set()
        self._done: dict[str, Measured | BaseException] = {}
        self._awaited: dict[str, Future[Measured | BaseException]] = {}
        self._queue: deque[Case] = deque()
        self._workers = 0
        self._loop = asyncio.new_event_loop()
        self._ready: asyncio.Task[Failure | None] | None = None
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"evalkit-{plan.name}", daemon=True
        )
        COLLECTOR.slow_down()
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what is running, let go of the models, end the thread, close the journal."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._journal.close()
        COLLECTOR.go_on()

    async def _stop(self) -> None:
        self._queue.clear()
        running = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.plan.remote.close()

    def release(self) -> None:
        """Let go of the models where no case is in flight; a later case opens them again."""
        asyncio.run_coroutine_threadsafe(self._release(), self._loop).result()

    async def _release(self) -> None:
        if not self._workers:
            await self.plan.remote.close()

    @property
    def duration_s(self) -> float:
        """From making the engine to the last case that was finished."""
        return self._ended_s - self._began_s

    @property
    def concurrency(self) -> int:
        """Cases in flight at once."""
        return self._effort.concurrency or max(IN_PROCESS, self.plan.remote.concurrency)

    def start(self, cases: Iterable[Case]) -> None:
        """Begin measuring these cases; those already begun are left alone."""
        new = [case for case in cases if case.id not in self._begun]
        if new:
            self._begun.update(case.id for case in new)
            self._loop.call_soon_threadsafe(self._enqueue, new)

    def _enqueue(self, cases: Iterable[Case]) -> None:
        """Workers take cases from a queue: ten thousand waiting cases are not as many tasks."""
        self._queue.extend(cases)
        while self._workers < min(self.concurrency, self._workers + len(self._queue)):
            self._workers += 1
            self._loop.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._queue:
                case = self._queue.popleft()
                try:
                    self._finish(case, await self._measure(case))
                except BaseException as error:
                    self._finish(case, error)
                    if _is_stopping():
                        raise
        finally:
            self._workers -= 1

    def _finish(self, case: Case, outcome: Measured | BaseException) -> None:
        with self._lock:
            self._done[case.id] = outcome
            awaited = self._awaited.pop(case.id, None)
        if awaited is not None:
            awaited.set_result(outcome)

    def wait(self, case: Case) -> Measured:
        """The case, measured; begins it where nobody has."""
        self.start([case])
        outcome = self._outcome(case)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _outcome(self, case: Case) -> Measured | BaseException:
        with self._lock:
            outcome = self._done.get(case.id)
            if outcome is not None:
                return outcome
            # Made only where somebody waits: a future is larger than much of what it brings.
            awaited = self._awaited.setdefault(case.id, Future())
        return awaited.result()

    def all(self) -> journal.Entries:
        """Every case of the plan, measured; what is judged in looks, as far as verdicts need it."""
        self.start(self.plan.dataset.cases)
        done = [self.wait(case) for case in self.plan.dataset.cases]
        trials = tuple(trial for measured in done for trial in measured.trials)
        scores = [score for measured in done for score in measured.scores]
        looks = self._look_on(trials, scores)
        return journal.Entries(
            trials=trials, scores=tuple(scores), spends=self._spent_in_all(), looks=looks
        )

    def _look_on(self, trials: tuple[Trial, ...], scores: list[Score | Unscored]) -> Looks | None:
        """Judge what later looks hold, adding to `scores`, until every gate is settled."""
        past = self._past
        if past is None or not self._schedules:
            return None
        answered = {(trial.case_id, trial.repeat): trial for trial in trials}
        active, stops, look = dict(self._schedules), list[Stop](), 1
        while active:
            for name, schedule in [*active.items()]:
                if look == len(schedule.sizes) or is_settled(
                    schedule, look, plan=self.plan, past=past, trials=trials, scores=scores
                ):
                    stops.append(active.pop(name).stop(look))
            look += 1
            due = [(s.metric, case) for s in active.values() for case in s.due(look)]
            judging = self._judge_due(due, answered)
            scores += asyncio.run_coroutine_threadsafe(judging, self._loop).result()
        return Looks(seed=past.seed, tests=past.tests, stops=tuple(stops))

    async def _judge_due(
        self, due: Iterable[tuple[Metric, Case]], answered: Mapping[tuple[str, int], Trial]
    ) -> list[Score | Unscored]:
        queue, found = deque(due), list[Score | Unscored]()

        async def work() -> None:
            while queue:
                metric, case = queue.popleft()
                for repeat in range(self._effort.repeats):
                    with scope.opened(case.id, repeat, ""):
                        found.append(await self._score(metric, case, answered[case.id, repeat]))

        await asyncio.gather(*(work() for _ in range(min(self.concurrency, len(queue)))))
        self._ended_s = time.perf_counter()
        return found

    async def _measure(self, case: Case) -> Measured:
        trials: list[Trial] = []
        scores: list[Score | Unscored] = []
        asked = [
            metric
            for metric in self.plan.metrics
            if (case.id, metric.name) not in self._deferred and metric.applies_to(case)
        ]
        for repeat in range(self._effort.repeats):
            with scope.opened(case.id, repeat, ""):  # what its parts ask alike is asked once
                trial = await self._trial(case, repeat)
                trials.append(trial)
                # All at once: a judge's questions about one answer do not wait for each other.
                scores += await asyncio.gather(
                    *(self._score(metric, case, trial) for metric in asked)
                )
        self._ended_s = time.perf_counter()
        return Measured(trials=tuple(trials), scores=tuple(scores))

    async def _trial(self, case: Case, repeat: int) -> Trial:
        known = self._trials.get((case.id, repeat))
        if known is None:
            with scope.opened(case.id, repeat, ANSWERING) as here:
                outcome = await self._attempt(case, here)
            self._spent(here)
            known = Trial(case_id=case.id, repeat=repeat, outcome=outcome)
            self._journal.add(known)
        return known

    def _spent(self, here: Scope) -> None:
        """Keep what the calls of one part came to, before the part itself is kept."""
        if here.calls or here.retries:
            spend = here.spend
            before = self._earlier.pop((spend.case_id, spend.repeat, spend.part), None)
            if before is not None:
                # An earlier execution did it in part; what that paid was paid too.
                spend = replace(
                    spend,
                    retries=before.retries + spend.retries,
                    waited_s=before.waited_s + spend.waited_s,
                    billed=before.billed + spend.billed,
                )
            self._spends[spend.part] = added(self._spends.get(spend.part), spend)
            self._journal.add(spend)

    def _spent_in_all(self) -> tuple[Spend, ...]:
        """One total a part, earlier executions included."""
        totals = dict(self._spends)
        for spend in self._earlier.values():
            totals[spend.part] = added(totals.get(spend.part), spend)
        return tuple(totals[part] for part in sorted(totals))

    async def _attempt(self, case: Case, here: Scope) -> Answer | Failure:
        ledger = self.plan.remote.ledger
        if self._ready is None:
            self._ready = asyncio.ensure_future(self._ingest())
        unready = await self._ready
        if unready is not None:
            return unready
        limit_s = None if self.plan.paces_itself else self._effort.attempt_timeout_s
        try:
            if ledger is not None and ledger.left_usd <= 0.0:
                raise BudgetExceeded(f"the budget of ${ledger.cap_usd:.4f} is spent")
            async with asyncio.timeout(limit_s):
                answer = await self.plan.target.answer(case.input)
        except BudgetExceeded as error:
            return _failure("budget", error)
        except BROKEN as error:
            if _is_stopping():
                raise
            return _failure("answer", error)
        if self.plan.price is not None:
            answer = replace(answer, cost=cost_of(answer.usage, self.plan.price))
        if ledger is not None and not here.calls:
            # Calls that are not ours are known only afterwards.
            ledger.reserve(0.0).settle(answer.cost.usd)
        return answer

    async def _ingest(self) -> Failure | None:
        try:
            with scope.opened("", 0, "ingest") as here:
                await self.plan.target.ingest(self.plan.dataset.documents)
        except BROKEN as error:
            if _is_stopping():
                raise
            return _failure("ingest", error)
        self._spent(here)
        return None

    async def _score(self, metric: Metric, case: Case, trial: Trial) -> Score | Unscored:
        known = self._scores.get((case.id, trial.repeat, metric.name))
        if known is None:
            known = self._taken.score(metric, case, trial)
            if known is None:
                with scope.opened(case.id, trial.repeat, metric.name) as here:
                    known = await self._judge(metric, case, trial)
                self._spent(here)
            self._journal.add(known)
        return known

    async def _judge(self, metric: Metric, case: Case, trial: Trial) -> Score | Unscored:
        def unscored(reason: str) -> Unscored:
            return Unscored(
                case_id=case.id,
                repeat=trial.repeat,
                metric=metric.name,
                reason=reason[:MESSAGE_LIMIT],
            )

        if isinstance(trial.outcome, Failure):
            return unscored(f"no answer: {trial.outcome.error_type} in {trial.outcome.stage}")
        try:
            score = await metric.score(
                case, trial.outcome, repeat=trial.repeat, instruments=self.plan.instruments
            )
        except BROKEN as error:
            if _is_stopping():
                raise
            return unscored(f"{type(error).__name__}: {error}")
        if (score.case_id, score.repeat, score.metric) != (case.id, trial.repeat, metric.name):
            return unscored(f"{metric.name} answered for {score.metric} of {score.case_id}")
        return score


def _failure(stage: str, error: BaseException) -> Failure:
    """The trial's failure; a target may name its own stage in a note (`stage: retrieve`)."""
    notes = [note.removeprefix("stage: ") for note in getattr(error, "__notes__", ())
             if note.startswith("stage: ")]  # fmt: skip
    message = str(error)[:MESSAGE_LIMIT]
    return Failure(
        stage=notes[0] if notes else stage, error_type=type(error).__name__, message=message
    )


def _is_stopping() -> bool:
    """Whether it is we who cancelled the running task, not the code under test."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_unpaid(found: Trial | Score | Unscored) -> bool:
    """What the budget refused: a resumed run, with a larger one, makes it after all."""
    if isinstance(found, Unscored):
        return found.reason.startswith((BudgetExceeded.__name__, "no answer: BudgetExceeded"))
    return isinstance(found, Trial) and (
        isinstance(found.outcome, Failure)
        # Whatever its stage: a pipeline names its own.
        and found.outcome.error_type == BudgetExceeded.__name__
    )
