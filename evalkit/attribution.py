"""Which side of a pipeline moved a failed metric: what it found, or what it made of that.

The cases that moved most are answered again with the sides exchanged: the baseline's passages
through today's guardrails, prompt and model, and today's passages through those of the baseline.
Passages are what the retriever returned, before any guardrail or prompt saw them: a prompt that
shows one passage of five is a change of the generator's side.

Where one side is the baseline's to the byte, exchanging it gives what is already known, so nothing
is answered again and no noise of a second draw is added. A case in which both sides are the
baseline's moved by noise, or by the judge, and is left out.

It does not prove a cause. The cases are chosen because they moved, so what noise moved them is
divided between the sides that changed; and a question that a guardrail rewrote before the search
counts as the retriever's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit import scope
from evalkit.answers import KeptAnswer, KeptAnswers, blocked
from evalkit.errors import BudgetExceeded, InputError
from evalkit.gates.wording import count
from evalkit.observations import observe
from evalkit.plan import IN_PROCESS, Plan, Remote
from evalkit.records import (
    Answer,
    Attribution,
    Baseline,
    Case,
    Passage,
    Run,
    Saved,
    Score,
    Verdict,
)
from evalkit.stats.paired import mean_of
from evalkit.targets.rag import RagTarget

LIMIT = 20
"""Cases a gate, at most: those that moved most tell the sides apart, and twenty cost little."""

MOVED = 1e-9
"""A change of a case's score below this is rounding."""

PART = "attribution"
"""What the calls of a replay are counted under."""

BROKEN = (Exception, SystemExit, asyncio.CancelledError)
"""What a target's or a judge's own code may do to us: it costs one case of a replay."""

Found = tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """One case whose score changed, and what was found for it; None: its question was refused."""

    case: Case
    before: float
    now: float
    old: Found | None
    new: Found | None

    @property
    def change(self) -> float:
        return self.now - self.before

    @property
    def contexts(self) -> tuple[Found, Found]:
        """Old and new; a refused question leaves those of the other side: nothing was looked up."""
        either = self.old if self.old is not None else self.new
        return either or (), (self.new if self.new is not None else either) or ()

    @property
    def same_contexts(self) -> bool:
        old, new = self.contexts
        return _shown(old) == _shown(new)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drop:
    """A failed gate on a metric that dropped, and the cases that moved, the most moved first."""

    gate: str
    metric: str
    moved: tuple[_Moved, ...]


class _WhyNotError(Exception):
    """Nothing can be said of the sides; the message says why."""


def attributions(
    plan: Plan,
    saved: Saved,
    baseline: Baseline | None,
    kept: KeptAnswers | None,
    *,
    why_not: str = "",
    limit: int = LIMIT,
) -> tuple[Attribution, ...]:
    """One for each failed gate on a metric that dropped against the baseline, in the gates' order.

    Asks models through the plan's own cache and budget, and the judge; at most `limit` cases a
    gate. Never raises for what cannot be replayed: `why_not` then says why; it is given where the
    kept answers could not be read. Closes what it opens.
    """
    drops = _drops(saved, baseline, kept, limit)
    try:
        if not drops:
            return ()
        if not isinstance(plan.target, RagTarget):
            raise _WhyNotError(
                "the target is no pipeline of evalkit's: its sides cannot be exchanged"
            )
        if kept is None:
            not_kept = "the baseline's answers are not kept ([suite] keep_answers = true)"
            raise _WhyNotError(why_not or not_kept)
        return _replayed(plan, plan.target, drops, kept)
    except _WhyNotError as error:
        return tuple(
            Attribution(gate=drop.gate, metric=drop.metric, why_not=str(error)) for drop in drops
        )


# ── what moved ───────────────────────────────────────────────────────────────────────────────────


def _drops(
    saved: Saved, baseline: Baseline | None, kept: KeptAnswers | None, limit: int
) -> tuple[_Drop, ...]:
    failed = [
        (verdict.gate, metric)
        for verdict in saved.decision.verdicts
        if (metric := _dropped_metric(verdict))
    ]
    if not failed or baseline is None:
        return ()
    old = {case_id: _usual(given) for case_id, given in (kept.by_case() if kept else {}).items()}
    return tuple(
        _Drop(gate=gate, metric=metric, moved=_moved(saved.run, baseline, metric, old)[:limit])
        for gate, metric in failed
    )


def _dropped_metric(verdict: Verdict) -> str:
    """The metric of a failed gate that is below the baseline by more than passes, or nothing."""
    if verdict.outcome != "FAIL":
        return ""
    return next(
        (
            check.comparison.metric
            for check in verdict.checks
            if check.comparison is not None
            and check.comparison.kind == "regression"
            and check.outcome in ("FAIL", "INCONCLUSIVE")
            and check.comparison.delta < -MOVED
        ),
        "",
    )


def _moved(
    run: Run, baseline: Baseline, metric: str, old: Mapping[str, Found | None]
) -> tuple[_Moved, ...]:
    """The cases whose score changed; of two that changed as much, the one that fell first."""
    before = {case.id: dict(case.scores).get(metric) for case in baseline.cases}
    cases = {case.id: case for case in run.cases}
    new = _found_now(run)
    moved = [
        _Moved(
            case=cases[one.case_id],
            before=mean_of(values),
            now=one.mean,
            old=old.get(one.case_id),
            new=new.get(one.case_id),
        )
        for one in observe(run, metric)
        if one.scores and (values := before.get(one.case_id))
    ]
    return tuple(
        sorted(
            (one for one in moved if abs(one.change) > MOVED),
            key=lambda one: (-abs(one.change), one.change, one.case.id),
        )
    )


def _found_now(run: Run) -> dict[str, Found | None]:
    answers: dict[str, list[KeptAnswer]] = {}
    for trial in run.trials:
        if isinstance(answer := trial.outcome, Answer):
            answers.setdefault(trial.case_id, []).append(
                KeptAnswer(
                    case_id=trial.case_id,
                    epochs=(trial.repeat,),
                    answer=answer,
                    blocked=blocked(answer),
                )
            )
    return {case_id: _usual(given) for case_id, given in answers.items()}


def _usual(answers: Sequence[KeptAnswer]) -> Found | None:
    """What was found most often for one case, the earliest of equals; None where it was refused."""
    times: Counter[Any] = Counter()
    found: dict[Any, Found | None] = {}
    for one in answers:
        key = None if one.blocked else _shown(one.answer.retrieved)
        times[key] += len(one.epochs)
        found.setdefault(key, None if one.blocked else one.answer.retrieved)
    return found[max(times, key=lambda key: times[key])]


def _shown(found: Found) -> tuple[tuple[str, str, str, str, int], ...]:
    """All that the generator's side gets of passages; how similar each was is not part of it."""
    return tuple((p.document_id, p.chunk_id, p.title, p.text, p.rank) for p in found)


# ── the sides exchanged ──────────────────────────────────────────────────────────────────────────

Values = dict[tuple[str, str], float]
"""By metric and case: the score of an answer with one side exchanged."""


def _replayed(
    plan: Plan, target: RagTarget, drops: Sequence[_Drop], kept: KeptAnswers
) -> tuple[Attribution, ...]:
    same_generator = kept.target.get("answering") == target.answering
    both = () if same_generator else tuple(drop for drop in drops if _exchanged(drop))
    old_new: Values = {}
    new_old: Values = {}
    if both:
        old, remote = _rebuilt(kept, plan)
        old_new, new_old = asyncio.run(_exchange(plan, target, old, remote, both))
    return tuple(_attribution(drop, same_generator, old_new, new_old) for drop in drops)


def _exchanged(drop: _Drop) -> tuple[_Moved, ...]:
    return tuple(one for one in drop.moved if not one.same_contexts)


def _rebuilt(kept: KeptAnswers, plan: Plan) -> tuple[RagTarget, Remote]:
    """The target of the baseline, exactly as it answered then."""
    if plan.rebuild is None:
        raise _WhyNotError("this plan cannot make the baseline's target again")
    try:
        old, remote = plan.rebuild(kept.target)
    except InputError as error:
        raise _WhyNotError(f"the baseline's target cannot be made again: {error}") from error
    if not isinstance(old, RagTarget) or old.answering != kept.target.get("answering"):
        what = "its code, models or guardrails are others now"
        raise _WhyNotError(f"the baseline's target cannot be made again: {what}")
    return old, remote


async def _exchange(
    plan: Plan, new: RagTarget, old: RagTarget, remote: Remote, drops: Sequence[_Drop]
) -> tuple[Values, Values]:
    """New generator on old contexts, then old generator on new ones.

    Between the two everything is let go of: one GPU holds one model.
    """
    try:
        old_new = await _scores(plan, new, drops, side=0)
        await plan.remote.close()
        return old_new, await _scores(plan, old, drops, side=1)
    finally:
        await remote.close()
        await plan.remote.close()


async def _scores(plan: Plan, target: RagTarget, drops: Sequence[_Drop], *, side: int) -> Values:
    """Every case that moved, answered once from one side's contexts, under each metric that fell.

    A case without an answer or a score is left out. Raises `_WhyNotError` where the budget is
    spent.
    """
    wanted: dict[str, tuple[_Moved, set[str]]] = {}
    for drop in drops:
        for one in _exchanged(drop):
            wanted.setdefault(one.case.id, (one, set()))[1].add(drop.metric)
    slots = asyncio.Semaphore(max(IN_PROCESS, plan.remote.concurrency))
    values: Values = {}

    async def scored(moved: _Moved, metrics: set[str]) -> None:
        async with slots:
            with scope.opened(moved.case.id, 0, PART):
                answer = await target.answer_from(moved.case.input, moved.contexts[side])
                for metric in plan.metrics:
                    if metric.name in metrics:
                        score = await metric.score(
                            moved.case, answer, repeat=0, instruments=plan.instruments
                        )
                        if isinstance(score, Score):
                            values[metric.name, moved.case.id] = score.value

    async def attempted(moved: _Moved, metrics: set[str]) -> BaseException | None:
        try:
            await scored(moved, metrics)
        except BROKEN as error:
            return error
        return None

    ended = await asyncio.gather(*(attempted(*one) for one in wanted.values()))
    refused = next((error for error in ended if isinstance(error, BudgetExceeded)), None)
    if refused is not None:
        raise _WhyNotError(f"the budget does not allow a replay: {refused}")
    return values


def _attribution(
    drop: _Drop, same_generator: bool, old_new: Values, new_old: Values
) -> Attribution:
    """The four means over the cases of which all four cells are known."""
    cells: list[tuple[str, float, float, float, float]] = []
    unmoved = 0
    for one in drop.moved:
        case_id = one.case.id
        key = (drop.metric, case_id)
        if same_generator and one.same_contexts:
            unmoved += 1
        elif same_generator:
            cells.append((case_id, one.before, one.before, one.now, one.now))
        elif one.same_contexts:
            cells.append((case_id, one.before, one.now, one.before, one.now))
        elif key in old_new and key in new_old:
            cells.append((case_id, one.before, old_new[key], new_old[key], one.now))
    if not cells:
        return Attribution(gate=drop.gate, metric=drop.metric, why_not=_none(drop, unmoved))
    ids, *means = zip(*cells, strict=True)
    old_old, old_now, now_old, now_now = (mean_of(column) for column in means)
    return Attribution(
        gate=drop.gate,
        metric=drop.metric,
        cases=ids,
        old_old=old_old,
        old_new=old_now,
        new_old=now_old,
        new_new=now_now,
    )


def _none(drop: _Drop, unmoved: int) -> str:
    cases = count(len(drop.moved), "case")
    if unmoved == len(drop.moved):
        return (
            f"passages and generator are the baseline's in all {cases} that moved: "
            "noise of the model, or another judge"
        )
    return f"none of the {cases} that moved could be answered and scored again"
