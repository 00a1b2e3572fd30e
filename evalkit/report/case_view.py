"""One case as a reviewer reads it: what moved, what was asked, answered, retrieved and judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Literal, TypeVar

from evalkit.records import (
    Answer,
    Baseline,
    BaselineCase,
    Case,
    Decision,
    Failure,
    Judgement,
    Label,
    Run,
    Score,
    Trial,
    Unscored,
)
from evalkit.report import figures
from evalkit.report.redact import redactor
from evalkit.report.savings_view import KNOWN, SPARED
from evalkit.report.sinks import clip, visible
from evalkit.report.trial_view import BAD, Show, TrialView, trial_view

Status = Literal["breached", "unmeasured", "dropped", "gained", "steady", "new"]

MOVED = 0.005
"""A change that shows in two decimals; below it a case is steady."""

WHOLE = 500
"""Cases of a suite that are shown with answers, passages and verdicts: about 10 KB each. Of 10,000
whole cases a browser needs minutes to make a page."""

_BREACHES: frozenset[Label] = frozenset({"compromised", "leaked"})
_STEPS = ((0.5, 3), (0.2, 2), (MOVED, 1))

Item = TypeVar("Item", Trial, Score | Unscored)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreCell:
    """One metric on one case: `delta` is now − baseline, None without either.

    `step` grades the change from −3 (a drop of half the scale) to 3, 0 for steady; `sort` orders
    cases by this metric, worst first. `said` is why no judge was asked, empty where one was.
    """

    metric: str
    now: str
    was: str
    change: str
    value: float | None
    delta: float | None
    step: int
    sort: str
    parts: tuple[tuple[str, str], ...]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackView:
    """What was planted and what came of it."""

    id: str
    channel: str
    technique: str
    delivered: bool
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One case. `move` is the change it is sorted by; `problems` say what was not measured.

    A case that is not `whole` is its row in the list: its trials are in the saved run alone.
    """

    anchor: str
    id: str
    question: str
    references: tuple[str, ...]
    expect: str
    cluster: str
    tags: tuple[str, ...]
    status: Status
    word: str
    move: str
    move_metric: str
    cells: tuple[ScoreCell, ...]
    failed: bool
    moved: bool
    problems: tuple[str, ...]
    attack: AttackView | None
    whole: bool
    trials: tuple[TrialView, ...]
    named_by: tuple[str, ...]
    cost: str
    tokens: str
    latency_s: float
    order: tuple[float, ...] = field(repr=False)


def case_views(
    run: Run,
    decision: Decision,
    baseline: Baseline | None,
    *,
    metrics: Sequence[str],
    gated: frozenset[str],
    prefix: str,
    whole: int = WHOLE,
) -> tuple[CaseView, ...]:
    """Every case, by movement: breaches, what was not measured, the largest drop down to the gains.

    Without a baseline the lowest score comes first. Gated metrics weigh before the others. At most
    `whole` of them are shown whole: those that failed, then those that come first.
    """
    hide = redactor(run.cases)

    def show(text: str) -> str:
        return clip(visible(hide(text)))

    before = {case.id: case for case in baseline.cases} if baseline is not None else None
    trials, scores, named = _by_case(run.trials), _by_case(run.scores), _named(decision)
    spared = _spared(run)
    views: list[tuple[CaseView, Case]] = []
    for case in run.cases:
        was = (before or {}).get(case.id)
        cells = _cells(
            scores.get(case.id, ()), was, metrics=metrics, spared=spared.get(case.id, frozenset())
        )
        view = _case_view(
            case,
            trials.get(case.id, ()),
            scores.get(case.id, ()),
            cells=cells,
            move=_move(cells, gated, compared=before is not None, known=was is not None),
            named=named.get(case.id, ()),
            show=show,
        )
        views.append((view, case))
    views.sort(key=lambda item: item[0].order)
    first = {id(view) for view, _ in sorted(views, key=lambda item: not item[0].failed)[:whole]}
    return tuple(
        replace(
            view,
            anchor=f"{prefix}c{place}",
            whole=id(view) in first,
            trials=_trial_views(case, trials.get(case.id, ()), scores.get(case.id, ()), show)
            if id(view) in first
            else (),
        )
        for place, (view, case) in enumerate(views, start=1)
    )


def _by_case(items: Iterable[Item]) -> Mapping[str, tuple[Item, ...]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.case_id, []).append(item)
    return {case: tuple(some) for case, some in found.items()}


def _spared(run: Run) -> Mapping[str, frozenset[str]]:
    """Which metrics of a case were not judged, because their gates had decided."""
    found: dict[str, set[str]] = {}
    for stop in run.looks.stops if run.looks is not None else ():
        for case in stop.spared:
            found.setdefault(case, set()).add(stop.metric)
    return {case: frozenset(metrics) for case, metrics in found.items()}


def _named(decision: Decision) -> Mapping[str, tuple[str, ...]]:
    """Which gates name a case in a check that is red."""
    found: dict[str, dict[str, None]] = {}
    for verdict in decision.verdicts:
        for check in verdict.checks:
            for case in check.cases if check.outcome in ("FAIL", "ERROR") else ():
                found.setdefault(case, {})[verdict.gate] = None
    return {case: tuple(gates) for case, gates in found.items()}


# ── one case ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """What a case is sorted by, and how that is said."""

    status: Status
    text: str
    metric: str
    order: tuple[float, ...]


def _move(
    cells: Sequence[ScoreCell], gated: frozenset[str], *, compared: bool, known: bool
) -> _Move:
    if not compared:
        scored = [(c.metric not in gated, c.value, c) for c in cells if c.value is not None]
        if not scored:
            return _Move(status="steady", text=figures.NONE, metric="", order=(1.0, 1.0))
        _, low, cell = min(scored, key=lambda item: item[:2])
        least = min(value for _, value, _ in scored)
        return _Move(status="steady", text=cell.now, metric=cell.metric, order=(low, least))
    moves = [(c.metric not in gated, c.delta, c) for c in cells if c.delta is not None]
    if not moves:
        status: Status = "steady" if known else "new"
        return _Move(status=status, text=figures.NONE, metric="", order=(0.0, 0.0))
    # Drops of gated metrics, then other drops, then the largest gain.
    drop = min(moves, key=lambda item: (item[1] > -MOVED, item[0], item[1]))
    _, delta, cell = drop if drop[1] <= -MOVED else max(moves, key=lambda item: item[1])
    status = "dropped" if delta <= -MOVED else "gained" if delta >= MOVED else "steady"
    least = min(delta for _, delta, _ in moves)
    gate_least = min((d for ungated, d, _ in moves if not ungated), default=least)
    return _Move(status=status, text=cell.change, metric=cell.metric, order=(gate_least, least))


def _case_view(
    case: Case,
    trials: Sequence[Trial],
    scores: Sequence[Score | Unscored],
    *,
    cells: tuple[ScoreCell, ...],
    move: _Move,
    named: tuple[str, ...],
    show: Show,
) -> CaseView:
    problems = _problems(trials, scores, show)
    breach = next((j.label for s in scores for j in _judged(s) if j.label in _BREACHES), None)
    status: Status = "breached" if breach else "unmeasured" if problems else move.status
    no_answer = not trials or any(isinstance(trial.outcome, Failure) for trial in trials)
    words: dict[Status, str] = {
        "breached": "leaked" if breach == "leaked" else "attack succeeded",
        "unmeasured": "no answer" if no_answer else "not scored",
        "new": "not in the baseline",
    }
    answers = [trial.outcome for trial in trials if isinstance(trial.outcome, Answer)]
    usd = sum(answer.cost.usd for answer in answers)
    tokens = sum(answer.usage.input_tokens + answer.usage.output_tokens for answer in answers)
    latency_s = sum(answer.latency_s for answer in answers)
    group = {"breached": 0.0, "unmeasured": 1.0}.get(status, 2.0)
    return CaseView(
        anchor="",
        id=show(case.id),
        question=show(case.input),
        references=tuple(map(show, case.references)),
        expect=case.expect,
        cluster=show(case.cluster),
        tags=tuple(map(show, case.tags)),
        status=status,
        word=words.get(status, ""),
        move=move.text,
        move_metric=move.metric,
        cells=cells,
        failed=status in ("breached", "unmeasured") or bool(named),
        moved=any(cell.delta is not None and abs(cell.delta) >= MOVED for cell in cells),
        problems=problems,
        attack=_attack_view(case, answers, scores, show),
        whole=False,
        trials=(),
        named_by=named,
        cost=figures.usd(usd) if answers else figures.NONE,
        tokens=f"{tokens:,}" if answers else figures.NONE,
        latency_s=latency_s,
        order=(group, *move.order),
    )


def _cells(
    scores: Sequence[Score | Unscored],
    before: BaselineCase | None,
    *,
    metrics: Sequence[str],
    spared: frozenset[str],
) -> tuple[ScoreCell, ...]:
    was = dict(before.scores) if before is not None else {}
    return tuple(
        _cell(
            metric,
            [s for s in scores if s.metric == metric],
            was.get(metric, ()),
            spared=metric in spared,
        )
        for metric in metrics
    )


def _cell(
    metric: str, scores: Sequence[Score | Unscored], epochs: tuple[float, ...], *, spared: bool
) -> ScoreCell:
    values = [score for score in scores if isinstance(score, Score)]
    # A case with one repeat missing has no mean: leaving the repeat out would flatter it.
    now = fmean(s.value for s in values) if values and len(values) == len(scores) else None
    was = fmean(epochs) if epochs else None
    # Rounded: 0.8 − 1.0 is a drop of 0.2, not of a little less.
    delta = round(now - was, 9) if now is not None and was is not None else None
    names = dict.fromkeys(name for score in values for name, _ in score.parts)
    return ScoreCell(
        metric=metric,
        now=f"{now:.2f}" if now is not None else "?" if scores else figures.NONE,
        was=f"{was:.2f}" if was is not None else figures.NONE,
        change=figures.signed(delta, 2) if delta is not None else figures.NONE,
        value=now,
        delta=delta,
        step=_step(delta),
        sort=_sort(now, delta, len(scores)),
        parts=tuple(
            (visible(name), f"{fmean(v for s in values for n, v in s.parts if n == name):.2f}")
            for name in names
        ),
        said=_why_unasked(scores, spared),
    )


def _why_unasked(scores: Sequence[Score | Unscored], spared: bool) -> str:
    if spared and not scores:
        return SPARED
    known = bool(scores) and all(isinstance(score, Score) and score.known for score in scores)
    return KNOWN if known else ""


def _step(delta: float | None) -> int:
    size = abs(delta or 0.0)
    grade = next((grade for least, grade in _STEPS if size >= least), 0)
    return -grade if (delta or 0.0) < 0 else grade


def _sort(now: float | None, delta: float | None, tried: int) -> str:
    """Not measured first, then by change, else by value; where the metric does not apply, last."""
    if now is None:
        return "-9" if tried else "9"
    return f"{now if delta is None else delta:.4f}"


def _judged(score: Score | Unscored) -> tuple[Judgement, ...]:
    return score.judgements if isinstance(score, Score) else ()


def _problems(
    trials: Sequence[Trial], scores: Sequence[Score | Unscored], show: Show
) -> tuple[str, ...]:
    """One sentence for each thing that did not happen."""
    found: dict[str, None] = {} if trials else {"No answer: not one trial was recorded.": None}
    for trial in trials:
        if isinstance(trial.outcome, Failure):
            failure = trial.outcome
            text = f"No answer: {failure.error_type} in {failure.stage}. {failure.message}"
            found[show(text.strip())] = None
    for score in scores:
        if isinstance(score, Unscored):
            found[show(f"{score.metric} not scored: {score.reason}")] = None
    return tuple(found)


def _attack_view(
    case: Case, answers: Sequence[Answer], scores: Sequence[Score | Unscored], show: Show
) -> AttackView | None:
    attack = case.attack
    if attack is None:
        return None
    planted = set(attack.document_ids)
    found = {p.document_id for answer in answers for p in (*answer.retrieved, *answer.passages)}
    labels = [judgement.label for score in scores for judgement in _judged(score)]
    outcome = next((label for label in BAD if label in labels), labels[0] if labels else "")
    return AttackView(
        id=show(attack.id),
        channel=attack.channel,
        technique=show(attack.technique),
        delivered=bool(answers) and (attack.channel == "user" or bool(planted & found)),
        outcome=outcome.replace("_", " ") or "not judged",
    )


def _trial_views(
    case: Case, trials: Sequence[Trial], scores: Sequence[Score | Unscored], show: Show
) -> tuple[TrialView, ...]:
    views: list[TrialView] = []
    for trial in trials:
        mine = [s for s in scores if s.repeat == trial.repeat and isinstance(s, Score)]
        view = trial_view(case, trial, mine, show=show)
        # Repeats mostly retrieve the same passages: shown once.
        same = bool(views) and bool(view.passages) and view.passages == views[0].passages
        views.append(replace(view, passages=(), same_passages=True) if same else view)
    return tuple(views)
