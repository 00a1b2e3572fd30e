"""What a run is held against: the baseline that fits it, the last release, the judge's own past.

Before a run this says what its judge may be spared; after it, what its gates see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from evalkit import answers, baselines, cards, codec, git, scope
from evalkit.aggregate import estimate
from evalkit.errors import (
    BaselineMismatch,
    BudgetExceeded,
    DataError,
    JudgeError,
    ProviderError,
)
from evalkit.gates.decide import DeclaresTests
from evalkit.gates.protocol import Measurement, Promise
from evalkit.plan import Effort, Past, Plan
from evalkit.records import Baseline, Run, Spend
from evalkit.rejudging import identical_answer_shift, rejudged
from evalkit.replaying import PART as REPLAYS
from evalkit.replaying import replayed

JUDGE_CHANGED = "judge changed: the baseline's answers were judged again by today's"
"""Said of every comparison with a baseline that another judge has scored again."""

REJUDGING = "rejudging"
"""The part of a run's spending that judging the baseline's answers again is."""

SHIFT_LEVEL = 0.001
"""The share of runs of an unchanged judge, a metric, that are taken for those of a changed one."""


# ── before a run ─────────────────────────────────────────────────────────────────────────────────


def family_size(promises: Sequence[Promise]) -> int:
    """The tests of a build, at most: what those that are decided in looks share its error with."""
    gates = [gate for promise in promises for gate in promise.gates]
    return sum(gate.family_size for gate in gates if isinstance(gate, DeclaresTests))


def has_looks(promise: Promise) -> bool:
    """Whether metrics may be judged in looks: not where another target's gates need every score."""
    return "@" not in promise.suite


def past_of(plan: Plan, *, effort: Effort, tests: int) -> Past | None:
    """What a fitting baseline lets a run of this plan leave out; None where every answer is judged.

    That is where the judge costs nothing, where a baseline is made, where none fits, and in the
    release lane.
    """
    promise = plan.promise
    if not plan.judge_costs or effort.repeats > 1 or promise.lane == "release":
        return None
    try:
        baseline = baselines.load_fitting(promise.root, plan.fingerprint, suite=promise.path)
    except (BaselineMismatch, DataError):
        return None  # the gates say so
    return Past(
        baseline=baseline,
        looks=has_looks(promise),
        tests=max(1, tests),
        seed=codec.digest([plan.key, git.commit(promise.path.parent)])[:16],
    )


# ── after it ─────────────────────────────────────────────────────────────────────────────────────


def finished(plan: Plan, run: Run, *, effort: Effort) -> Run:
    """A measured run, with what it takes to hold it against its baseline.

    That is the baseline judged again where another judge made it, and the replays of new breaches.
    A run of several repeats, which becomes a baseline itself, stays as it is. What is spent here is
    part of the run, so that a saved run is decided without a model.
    """
    return run if effort.repeats > 1 else _with_replays(plan, _with_rejudged(plan, run), effort)


def _with_rejudged(plan: Plan, run: Run) -> Run:
    """The run, with its baseline judged again where that is the only way to compare them.

    That is where another judge made the baseline's scores, or one that calls itself the same and
    is not, and the baseline's answers were kept. It asks the judge, not the target; a judge that
    cannot do it leaves the run without a baseline.
    """
    made_of = run.fingerprint
    try:
        baseline = baselines.load_baseline(plan.promise.root, made_of.profile, made_of.suite)
        if not baselines.is_of_another_judge(baseline, made_of) and not _shift(
            run, baseline, plan.promise
        ):
            return run
        kept = answers.load(plan.promise.root, made_of.profile, made_of.suite, baseline)
    except (BaselineMismatch, DataError):
        return run
    again = None
    with scope.gathered() as scopes, suppress(DataError, ProviderError, JudgeError, BudgetExceeded):
        again = rejudged(plan, baseline, kept) if kept else None
    return with_spend(replace(run, rejudged=again), scope.total(scopes, REJUDGING))


def _with_replays(plan: Plan, run: Run, effort: Effort) -> Run:
    """The run, with its new breaches answered again."""
    try:
        baseline, _, _ = _baseline(run, plan.promise)
    except DataError:
        return run  # deciding says so
    if baseline is None:
        return run
    with scope.gathered() as scopes:
        replays = replayed(plan, run, baseline, effort=effort)
    return with_spend(replace(run, replays=replays), scope.total(scopes, REPLAYS))


def with_spend(run: Run, spend: Spend | None) -> Run:
    """The run, with what else was spent on it."""
    return replace(run, spends=(*run.spends, spend)) if spend else run


def compare(run: Run, promise: Promise, *, among: Mapping[str, Run], tests: int = 0) -> Measurement:
    """The run's estimates beside the baselines that fit it, or why none does.

    `among` are the build's runs by suite; those of the suite's earlier targets are its rivals.
    `tests` is the size of the build's family.
    """
    stem = promise.suite.partition("@")[0]
    rivals = tuple(
        (name, baselines.reduced(among[f"{stem}@{name}"]))
        for name in promise.rivals
        if f"{stem}@{name}" in among
    )
    baseline, problem, note = _baseline(run, promise)
    release, release_problem = None, ""
    if promise.lane == "release":
        try:
            release = baselines.load_release(promise.root, run.fingerprint, suite=promise.path)
        except BaselineMismatch as error:
            release_problem = str(error)
    return Measurement(
        run=run,
        estimates=estimate(run),
        baseline=baseline,
        baseline_problem=problem,
        baseline_note=note,
        rivals=rivals,
        release=release,
        release_problem=release_problem,
        calibrations=cards.load_all(promise.root, run.fingerprint.judge),
        tests=tests,
        judged_on=dict(promise.judged_on),
        lane=promise.lane,
    )


def _baseline(run: Run, promise: Promise) -> tuple[Baseline | None, str, str]:
    """The baseline a run compares with, or why none does; and what to know of it."""
    again = run.rejudged
    try:
        if again is not None and _is_of_today(again, promise, run):
            return again, "", JUDGE_CHANGED
        baseline = baselines.load_fitting(promise.root, run.fingerprint, suite=promise.path)
    except BaselineMismatch as error:
        return None, str(error), ""
    shift = _shift(run, baseline, promise)
    if shift:
        command = baselines.mend(f"{promise.suite}", run.fingerprint.profile)
        return None, str(BaselineMismatch([shift], mend=command)), ""
    return baseline, "", ""


def _shift(run: Run, baseline: Baseline, promise: Promise) -> str:
    """What shows that the judge is another than it was, though it calls itself the same.

    Answers that are the baseline's to the byte have no reason to be scored otherwise.
    """
    for metric, judged_on in promise.judged_on:
        found = identical_answer_shift(run, baseline, metric) if judged_on == "answer" else None
        if found is not None and found.p_value <= SHIFT_LEVEL:
            return found.text
    return ""


def _is_of_today(again: Baseline, promise: Promise, run: Run) -> bool:
    """Whether a re-judged baseline is still made of the committed one, and fits the run."""
    kept = baselines.load_baseline(promise.root, run.fingerprint.profile, run.fingerprint.suite)
    return kept.promoted_at == again.promoted_at and not baselines.mismatches(
        again, run.fingerprint
    )
