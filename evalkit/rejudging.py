"""The judge, tried on answers it has judged before: what changed then is the judge, not the target.

`rejudged` scores every kept answer of a baseline with today's judge, so that a run is compared with
numbers of its own judge. `drift` does so for a sample, to see whether a judge that calls itself the
same still judges the same. `identical_answer_shift` looks for that in any run, without a call.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit import baselines, scope
from evalkit.answers import KeptAnswer, KeptAnswers
from evalkit.errors import DataError, JudgeError, Problem
from evalkit.gates.wording import count, p_value, score
from evalkit.metrics.protocol import Metric
from evalkit.observations import cluster_of
from evalkit.plan import IN_PROCESS, Plan
from evalkit.records import Answer, Baseline, BaselineCase, Case, Run, Score, Unscored
from evalkit.stats.distributions import student_t_quantile
from evalkit.stats.paired import interval, mean_of, p_drop, sample_mean

ANCHORS = 100
"""Answers a check of the judge takes: with 30, a shift of −0.05 is found 27 % of the time; with
100, 90 % (`research/gating-statistics.md` §1.8: judge sd 0.10, three stored scores, level 1 %). A
shift upwards is found less often, as scores end at 1."""

LEVEL = 0.01
"""The share of checks of an unchanged judge that say it changed, a metric."""

POWER = 0.80

FEWEST = 10
"""Answers below which a check says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What the judge says now of answers that it scored before, less what it said then.

    `shift` is the mean over `n` answers, one a case, with its 99 % interval; `p_value` is
    two-sided, `drifted` says that it is below 1 %. `detectable` is the shift that would be found
    with 80 % power. Not drifted proves no more than that.
    """

    metric: str
    n: int
    shift: float
    low: float
    high: float
    p_value: float
    drifted: bool
    detectable: float

    @property
    def text(self) -> str:
        """One sentence for people."""
        same = f"{self.metric} of the same {count(self.n, 'answer')}"
        numbers = f"(99 % [{score(self.low)}, {score(self.high)}], {p_value(self.p_value)})"
        if not (self.shift or self.low or self.high):
            return f"no change of the judge seen: {same} is to the digit what it was"
        if self.drifted:
            moved = "higher" if self.shift > 0 else "lower"
            return (
                f"judge changed: {same} is {score(abs(self.shift))} {moved} than it was {numbers}"
            )
        return (
            f"no change of the judge seen: {same} moved by {score(self.shift)} {numbers}; "
            f"a shift of {score(self.detectable)} would be found 8 times in 10"
        )


def rejudged(plan: Plan, baseline: Baseline, kept: KeptAnswers) -> Baseline:
    """The baseline as today's judge scores it: its fingerprint then names the plan's judge.

    Only metrics that ask the judge are scored again, each distinct answer once; the target is not
    asked. Epochs with the same answer so share one score: less is averaged out than when the
    baseline was made, which costs power and no false alarms. Raises `JudgeError` or `ProviderError`
    for the first score that cannot be made, `BudgetExceeded` where it would cost too much, and
    `DataError` where the baseline has cases that the plan has not: a baseline with holes is none.
    """
    metrics = _judged(plan)
    cases = _cases(plan, baseline)
    wanted = [(one, metrics[name]) for one in kept.answers
              for name in _scored_then(baseline)[one.case_id] if name in metrics]  # fmt: skip
    values = asyncio.run(_scores(plan, wanted, cases))
    by_case = kept.by_case()

    def anew(case: BaselineCase) -> BaselineCase:
        scores = tuple(
            (name, _by_epoch(name, by_case[case.id], values) if name in metrics else old)
            for name, old in case.scores
        )
        return replace(case, scores=scores)

    today = plan.fingerprint
    fingerprint = replace(baseline.fingerprint, judge=today.judge, judge_card=today.judge_card)
    return replace(
        baseline, fingerprint=fingerprint, cases=tuple(anew(case) for case in baseline.cases)
    )


def drift(
    plan: Plan, baseline: Baseline, kept: KeptAnswers, *, anchors: int = ANCHORS, seed: str
) -> tuple[Drift, ...]:
    """Whether the judge still judges as when the baseline was made: one check a judged metric.

    A seeded sample of cases, the earliest answer of each; its stored score is the mean over the
    epochs that gave it. A paired two-sided t over cases, robust for clusters, at 1 % a metric; a
    metric with fewer than ten answers is left out. The plan needs `Traffic(cached=False)`. Raises
    as `rejudged` does, and `DataError` where no metric is left or a reply was remembered: that
    would say nothing of today's judge.
    """
    metrics = _judged(plan)
    cases = _cases(plan, baseline)
    before = {case.id: dict(case.scores) for case in baseline.cases}
    by_case = kept.by_case()
    chosen = sorted(by_case, key=lambda case_id: _place(seed, case_id))[:anchors]
    wanted = [(by_case[case_id][0], metrics[name]) for case_id in chosen
              for name in before[case_id] if name in metrics]  # fmt: skip
    asked = {
        name: [cluster_of(cases[one.case_id]) for one, metric in wanted if metric.name == name]
        for name in metrics
    }
    enough = [name for name, of in asked.items() if len(of) >= FEWEST and len(set(of)) > 1]
    if not enough:
        what = f"no metric that asks the judge has {FEWEST} kept answers"
        raise DataError([Problem(where=plan.name, what=what)])
    wanted = [(one, metric) for one, metric in wanted if metric.name in enough]
    values = asyncio.run(_scores(plan, wanted, cases, anew=True))
    return tuple(
        _drift(
            name,
            now=[values[name, one.case_id, one.epochs[0]] for one in answers],
            before=[_stored(before[one.case_id][name], one.epochs) for one in answers],
            clusters=asked[name],
        )
        for name in enough
        for answers in [[one for one, metric in wanted if metric.name == name]]
    )


def identical_answer_shift(run: Run, baseline: Baseline, metric: str) -> Drift | None:
    """As `drift`, over the run's answers that are the baseline's to the byte; None below ten.

    Costs no call. Scores taken from the baseline are left out: they cannot differ. It says
    something of a judge only for a metric that asks one about answer and passages.
    """
    answers = {(t.case_id, t.repeat): t.outcome for t in run.trials}
    scored: dict[str, list[Score]] = {}
    for one in run.scores:
        if isinstance(one, Score) and one.metric == metric and not one.known:
            scored.setdefault(one.case_id, []).append(one)
    stored = {case.id: case for case in baseline.cases}
    now: list[float] = []
    before: list[float] = []
    clusters: list[str] = []
    for case in run.cases:
        pairs = [
            (one.value, then)
            for one in scored.get(case.id, ())
            if (
                then := _stored_for(answers.get((case.id, one.repeat)), stored.get(case.id), metric)
            )
            is not None
        ]
        if pairs:
            now.append(mean_of([value for value, _ in pairs]))
            before.append(mean_of([then for _, then in pairs]))
            clusters.append(cluster_of(case))
    if len(now) < FEWEST or len(set(clusters)) < 2:
        return None
    return _drift(metric, now=now, before=before, clusters=clusters)


# ── what the judge is asked ──────────────────────────────────────────────────────────────────────


def _judged(plan: Plan) -> dict[str, Metric]:
    """The metrics that ask the judge; one that does not say so, of somebody else's, might."""
    return {
        metric.name: metric for metric in plan.metrics if getattr(metric, "judged_on", None) != ""
    }


def _cases(plan: Plan, baseline: Baseline) -> Mapping[str, Case]:
    """The plan's cases by id. Raises `DataError` where the baseline has others."""
    cases = {case.id: case for case in plan.dataset.cases}
    unknown = [case.id for case in baseline.cases if case.id not in cases]
    if unknown:
        what = (
            f"{count(len(unknown), 'case')} of the baseline cannot be judged again: not in the data"
        )
        raise DataError([Problem(where=plan.name, what=what, value=", ".join(unknown)[:80])])
    return cases


def _scored_then(baseline: Baseline) -> dict[str, tuple[str, ...]]:
    return {case.id: tuple(name for name, _ in case.scores) for case in baseline.cases}


async def _scores(
    plan: Plan,
    wanted: Sequence[tuple[KeptAnswer, Metric]],
    cases: Mapping[str, Case],
    *,
    anew: bool = False,
) -> dict[tuple[str, str, int], float]:
    """By metric, case and first epoch: today's score of each answer. Raises its first failure.

    With `anew` a reply that was remembered or recorded is one.
    """
    slots = asyncio.Semaphore(max(IN_PROCESS, plan.remote.concurrency))
    failed: list[Exception] = []
    values: dict[tuple[str, str, int], float] = {}

    async def judge(one: KeptAnswer, metric: Metric) -> None:
        case, epoch = cases[one.case_id], one.epochs[0]
        async with slots:
            if failed:
                return  # nothing more is bought for a baseline that will not be
            try:
                with scope.opened(case.id, epoch, metric.name) as here:
                    given = await metric.score(
                        case, one.answer, repeat=epoch, instruments=plan.instruments
                    )
                if anew and here.cached_calls:
                    raise _remembered(plan)
                values[metric.name, case.id, epoch] = _value(given)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is raised below
                failed.append(error)

    try:
        await asyncio.gather(*(judge(one, metric) for one, metric in wanted))
    finally:
        await plan.remote.close()
    if failed:
        raise failed[0]
    return values


def _remembered(plan: Plan) -> DataError:
    what = "the judge's replies were remembered or recorded, which says nothing of it today"
    return DataError([Problem(where=plan.name, what=what, allowed="no cache and no recordings")])


def _value(given: Score | Unscored) -> float:
    if isinstance(given, Unscored):
        what = f"{given.metric} of case {given.case_id} could not be judged again: {given.reason}"
        raise JudgeError(what)
    return given.value


def _by_epoch(
    metric: str, answers: Iterable[KeptAnswer], values: Mapping[tuple[str, str, int], float]
) -> tuple[float, ...]:
    """The scores of a case, an epoch each."""
    by_epoch = {
        epoch: values[metric, one.case_id, one.epochs[0]] for one in answers for epoch in one.epochs
    }
    return tuple(by_epoch[epoch] for epoch in sorted(by_epoch))


def _place(seed: str, case_id: str) -> str:
    """Where a case stands in the seeded order."""
    return hashlib.sha256(f"{seed}\0{case_id}".encode()).hexdigest()


# ── then and now ─────────────────────────────────────────────────────────────────────────────────


def _stored(scores: Sequence[float], epochs: Collection[int]) -> float:
    """The mean over the epochs that gave one answer."""
    return mean_of([scores[epoch] for epoch in sorted(epochs)])


def _stored_for(outcome: object, case: BaselineCase | None, metric: str) -> float | None:
    """What the baseline's judge said of this very answer; None where it never saw it."""
    if not isinstance(outcome, Answer) or case is None:
        return None
    digest = baselines.answer_digest(outcome)
    epochs = [epoch for epoch, other in enumerate(case.answers) if other == digest]
    scores = dict(case.scores).get(metric)
    return _stored(scores, epochs) if scores and epochs else None


def _drift(
    metric: str, *, now: Sequence[float], before: Sequence[float], clusters: Sequence[str]
) -> Drift:
    """The paired, two-sided t test. Source: Student, Biometrika 6 (1908) 1–25."""
    deltas = [after - then for after, then in zip(now, before, strict=True)]
    sample = sample_mean(deltas, clusters)
    low, high = interval(sample, 1 - LEVEL)
    fell = p_drop(sample)
    rose = p_drop(sample_mean([-delta for delta in deltas], clusters))
    p = min(1.0, 2 * min(fell, rose))
    quantiles = student_t_quantile(1 - LEVEL / 2, sample.df) + student_t_quantile(POWER, sample.df)
    return Drift(
        metric=metric,
        n=sample.n,
        shift=sample.mean,
        low=low,
        high=high,
        p_value=p,
        drifted=p <= LEVEL,
        detectable=quantiles * sample.standard_error,
    )
