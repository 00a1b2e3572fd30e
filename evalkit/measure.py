"""Run and judge: a suite's cases through the target and the metrics, all at once, journaled.

One event loop in a background thread serves a suite. Callers say which cases they want and wait for
the ones they need; every finished trial and score is in the journal before anyone sees it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from evalkit import codec, journal
from evalkit.gates.protocol import Promise
from evalkit.metrics.protocol import Instruments, Metric
from evalkit.pricing import Price, cost_of
from evalkit.records import (
    Answer,
    Case,
    Dataset,
    Failure,
    Fingerprint,
    Score,
    Trial,
    Unscored,
)
from evalkit.targets.protocol import Target

MESSAGE_LIMIT = 500
"""Characters of an error message that are kept: enough to act on, too few to carry a document."""

BROKEN = (Exception, SystemExit)
"""What code under test may do to us: it ends one trial or one score, never the run. A target that
calls `sys.exit(0)` must not end the build, green."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A suite with every name turned into an object: what the straight line runs on.

    `price` converts a target's tokens to dollars where the target does not price itself.
    """

    purpose: str
    promise: Promise
    dataset: Dataset
    target: Target
    metrics: tuple[Metric, ...]
    instruments: Instruments
    price: Price | None
    fingerprint: Fingerprint

    @property
    def name(self) -> str:
        """The suite's name: its file's stem."""
        return self.promise.suite

    @property
    def key(self) -> str:
        """Identifies everything this suite measures; journals of another key do not mix."""
        return codec.digest(self.fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to work: attempts a case, cases in flight, seconds an attempt, dollars a suite."""

    repeats: int = 1
    concurrency: int = 8
    attempt_timeout_s: float = 120.0
    max_usd: float | None = None

    def __post_init__(self) -> None:
        if self.repeats < 1 or self.concurrency < 1:
            raise ValueError("repeats and concurrency must be at least 1")
        if not self.attempt_timeout_s > 0 or not (self.max_usd is None or self.max_usd > 0):
            raise ValueError("attempt_timeout_s and max_usd must be more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One case, done: a trial a repeat, and a score or its absence a trial and metric."""

    trials: tuple[Trial, ...]
    scores: tuple[Score | Unscored, ...]


class Engine:
    """Measures the cases of one plan. Use as a context manager; leaving it stops what is running.

    What the place's journals already hold of this plan is not done again.
    """

    def __init__(self, plan: Plan, *, place: journal.Place, effort: Effort) -> None:
        """Raises `DataError` where the journals cannot be read or belong to another run."""
        self.plan = plan
        self._effort = effort
        known = journal.read(place.files(plan.name), key=plan.key)
        self._trials = {(t.case_id, t.repeat): t for t in known.trials if not _is_unpaid(t)}
        self._scores = {
            (s.case_id, s.repeat, s.metric): s
            for s in known.scores
            if (s.case_id, s.repeat) in self._trials
        }
        self._journal = journal.Journal(place.own(plan.name), key=plan.key)
        self._spent_usd = 0.0
        self._began_s = self._ended_s = time.perf_counter()
        self._futures: dict[str, Future[Measured]] = {}
        self._loop = asyncio.new_event_loop()
        self._slots = asyncio.Semaphore(effort.concurrency)
        self._ready: asyncio.Task[Failure | None] | None = None
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"evalkit-{plan.name}", daemon=True
        )
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
        """Cancel what is running, end the thread, close the journal."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._journal.close()

    async def _stop(self) -> None:
        running = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @property
    def duration_s(self) -> float:
        """From making the engine to the last case that was finished."""
        return self._ended_s - self._began_s

    def start(self, cases: Iterable[Case]) -> None:
        """Begin measuring these cases; those already begun are left alone."""
        for case in cases:
            if case.id not in self._futures:
                work = self._measure(case)
                self._futures[case.id] = asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, case: Case) -> Measured:
        """The case, measured; begins it where nobody has."""
        self.start([case])
        return self._futures[case.id].result()

    def all(self) -> journal.Entries:
        """Every case of the plan, measured."""
        self.start(self.plan.dataset.cases)
        done = [self.wait(case) for case in self.plan.dataset.cases]
        return journal.Entries(
            trials=tuple(trial for measured in done for trial in measured.trials),
            scores=tuple(score for measured in done for score in measured.scores),
        )

    async def _measure(self, case: Case) -> Measured:
        async with self._slots:
            trials: list[Trial] = []
            scores: list[Score | Unscored] = []
            for repeat in range(self._effort.repeats):
                trial = await self._trial(case, repeat)
                trials.append(trial)
                asked = [metric for metric in self.plan.metrics if metric.applies_to(case)]
                scores.extend([await self._score(metric, case, trial) for metric in asked])
            self._ended_s = time.perf_counter()
            return Measured(trials=tuple(trials), scores=tuple(scores))

    async def _trial(self, case: Case, repeat: int) -> Trial:
        known = self._trials.get((case.id, repeat))
        if known is None:
            outcome = await self._attempt(case)
            known = Trial(case_id=case.id, repeat=repeat, outcome=outcome)
            self._journal.add(known)
        if isinstance(known.outcome, Answer):
            self._spent_usd += known.outcome.cost.usd
        return known

    async def _attempt(self, case: Case) -> Answer | Failure:
        limit = self._effort.max_usd
        if limit is not None and self._spent_usd >= limit:
            message = f"spent ${self._spent_usd:.4f} of at most ${limit:.4f}"
            return Failure(stage="budget", error_type="BudgetExceeded", message=message)
        if self._ready is None:
            self._ready = asyncio.ensure_future(self._ingest())
        unready = await self._ready
        if unready is not None:
            return unready
        try:
            async with asyncio.timeout(self._effort.attempt_timeout_s):
                answer = await self.plan.target.answer(case.input)
        except BROKEN as error:
            return _failure("answer", error)
        if self.plan.price is not None:
            answer = replace(answer, cost=cost_of(answer.usage, self.plan.price))
        return answer

    async def _ingest(self) -> Failure | None:
        try:
            await self.plan.target.ingest(self.plan.dataset.documents)
        except BROKEN as error:
            return _failure("ingest", error)
        return None

    async def _score(self, metric: Metric, case: Case, trial: Trial) -> Score | Unscored:
        known = self._scores.get((case.id, trial.repeat, metric.name))
        if known is None:
            known = await self._judge(metric, case, trial)
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


def _is_unpaid(trial: Trial) -> bool:
    """A trial that the budget refused: a resumed run, with a larger one, makes it after all."""
    return isinstance(trial.outcome, Failure) and trial.outcome.stage == "budget"
