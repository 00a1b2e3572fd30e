"""New breaches, answered again: an attack that was never hit before, and is now.

One draw says little of an attack that is hit now and then. Before a gate decides, each new breach
is answered some times more, as fresh draws that the reply cache and the budget count for
themselves, and scored by the gate's metric. What the replays say is for the gate:
`evalkit.gates.new_breach`.

Replays are no trials: no rate, cost or latency counts them. A run that is resumed makes them again;
a model's replies are then in the reply cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit import scope
from evalkit.errors import BudgetExceeded
from evalkit.gates.new_breach import MOST_REPLAYED, new_breaches
from evalkit.gates.rate import RateGate
from evalkit.metrics.protocol import Metric
from evalkit.observations import repeats_of
from evalkit.plan import IN_PROCESS, Effort, Plan
from evalkit.pricing import cost_of
from evalkit.records import ANSWERING, Answer, Baseline, Case, Replay, Run, Score

PART = "replays"
"""What the calls of replays are counted under."""

BROKEN = (Exception, SystemExit, asyncio.CancelledError)
"""What a target's or a judge's own code may do to us: it costs one replay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A case with a new breach: how often each metric wants to see it again."""

    case: Case
    replays: Mapping[str, int]

    @property
    def times(self) -> int:
        return max(self.replays.values())


def replayed(plan: Plan, run: Run, baseline: Baseline, *, effort: Effort) -> tuple[Replay, ...]:
    """The new breaches of the gates that ask for it, answered and scored again by the plan.

    At most `MOST_REPLAYED` cases, the first in the run's order. Nothing that the target or a judge
    does ends the run: it leaves None in a replay's hits, as a spent budget does. Closes what it
    opens.
    """
    wanted = _wanted(plan, run, baseline)
    if not wanted:
        return ()
    again = _Again(plan=plan, first=len(repeats_of(run)), effort=effort)
    scored = asyncio.run(again.all(wanted))
    return tuple(
        Replay(
            case_id=one.case.id,
            metric=metric,
            hits=tuple(scored.get((one.case.id, metric, time)) for time in range(times)),
        )
        for one in wanted
        for metric, times in one.replays.items()
    )


def _wanted(plan: Plan, run: Run, baseline: Baseline) -> tuple[_Wanted, ...]:
    found: dict[str, dict[str, int]] = {}
    for gate in plan.promise.gates:
        if isinstance(gate, RateGate) and gate.replays_of_breaches:
            for breach in new_breaches(run, baseline, gate.measured):
                times = found.setdefault(breach.case_id, {})
                times[gate.measured] = max(times.get(gate.measured, 0), gate.replays_of_breaches)
    breached = [
        _Wanted(case=case, replays=found[case.id])
        for case in plan.dataset.cases
        if case.id in found
    ]
    return tuple(breached[:MOST_REPLAYED])


Hits = dict[tuple[str, str, int], bool]
"""By case, metric and replay: whether it was hit; one that gave no score is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """A plan's target and metrics, asked again; the replays' draws count from `first`."""

    plan: Plan
    first: int
    effort: Effort

    async def all(self, wanted: Sequence[_Wanted]) -> Hits:
        """Every replay of every case: cases at once, the replays of one after each other."""
        at_once = self.effort.concurrency or max(IN_PROCESS, self.plan.remote.concurrency)
        slots = asyncio.Semaphore(at_once)

        async def one_case(one: _Wanted) -> Iterable[Hits]:
            async with slots:
                return [await self._replay(one, time) for time in range(one.times)]

        try:
            if not await self._is_ready():
                return {}
            done = await asyncio.gather(*(one_case(one) for one in wanted))
        finally:
            await self.plan.remote.close()
        return {key: hit for replays in done for hits in replays for key, hit in hits.items()}

    async def _is_ready(self) -> bool:
        """Whether the target took its documents; another process may have measured the run."""
        try:
            with scope.opened("", self.first, "ingest"):
                await self.plan.target.ingest(self.plan.dataset.documents)
        except BROKEN:
            if _is_stopping():
                raise
            return False
        return True

    async def _replay(self, one: _Wanted, time: int) -> Hits:
        """One more answer to a case, scored by each metric that wants this replay."""
        case, repeat = one.case, self.first + time
        asked = [m for m in self.plan.metrics if time < one.replays.get(m.name, 0)]
        with scope.opened(case.id, repeat, ""):  # what its parts ask alike is asked once
            try:
                answer = await self._answer(case, repeat)
            except BROKEN:
                if _is_stopping():
                    raise
                return {}
            scored = await asyncio.gather(*(self._score(m, case, answer, repeat) for m in asked))
        return {
            (case.id, metric.name, time): score.value < 1.0
            for metric, score in zip(asked, scored, strict=True)
            if score is not None
        }

    async def _answer(self, case: Case, repeat: int) -> Answer:
        plan, ledger = self.plan, self.plan.remote.ledger
        if ledger is not None and ledger.left_usd <= 0.0:
            raise BudgetExceeded(f"the budget of ${ledger.cap_usd:.4f} is spent")
        limit_s = None if plan.paces_itself else self.effort.attempt_timeout_s
        with scope.opened(case.id, repeat, ANSWERING) as here:
            async with asyncio.timeout(limit_s):
                answer = await plan.target.answer(case.input)
        if plan.price is not None:
            answer = replace(answer, cost=cost_of(answer.usage, plan.price))
        if not here.calls and answer.cost.usd:
            # Calls that are not ours are known only afterwards, and no trial tells of these.
            here.calls, here.usage = 1, answer.usage
            here.billed_usd = here.cold_usd = answer.cost.usd
            if ledger is not None:
                ledger.reserve(0.0).settle(answer.cost.usd)
        return answer

    async def _score(self, metric: Metric, case: Case, answer: Answer, repeat: int) -> Score | None:
        """The metric's score; None where it has none, or one of something else."""
        try:
            with scope.opened(case.id, repeat, metric.name):
                score = await metric.score(
                    case, answer, repeat=repeat, instruments=self.plan.instruments
                )
        except BROKEN:
            if _is_stopping():
                raise
            return None
        about = (case.id, repeat, metric.name)
        if not isinstance(score, Score) or (score.case_id, score.repeat, score.metric) != about:
            return None
        return score


def _is_stopping() -> bool:
    """Whether it is we who cancelled the running task, not the code under test."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
