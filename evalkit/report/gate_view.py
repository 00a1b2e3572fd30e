"""One gate, and one ungated metric, as a row of a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean, geometric_mean

from evalkit.records import (
    SEVERITY,
    Answer,
    Baseline,
    BaselineCase,
    Check,
    Comparison,
    Decision,
    Estimate,
    Outcome,
    Run,
    Saved,
    Verdict,
)
from evalkit.report import figures
from evalkit.report.attribution_view import AttributionView, attribution_views
from evalkit.report.judge_view import Yardstick
from evalkit.report.plot import Axis, Plot, axis
from evalkit.report.trial_view import Show


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One rule of a gate; `cases` are those it names."""

    kind: str
    outcome: Outcome
    reason: str
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """A share or an aspect that a metric's score was made of, over the `n` cases that have it."""

    name: str
    now: str
    n: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """One gate. `note` is what fits beside the verdict in a terminal.

    `reason` is read beside the gate's name, `sentence` stands alone. `like` names an earlier gate
    that is not green for the same reason. `true` is what it detects divided by the judge's J, where
    a judge scored it and people's labels say what J is.
    `detailed` is true where its checks say more than the sentence does.
    """

    gate: str
    outcome: Outcome
    baseline: str
    now: str
    change: str
    interval: str
    detects: str
    true: str
    note: str
    reason: str
    sentence: str
    like: str
    attributions: tuple[AttributionView, ...]
    plot: Plot | None
    parts: tuple[PartRow, ...]
    checks: tuple[CheckRow, ...]
    checks_said: str
    detailed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """A metric that no gate decides on: shown, so that nobody has to ask."""

    metric: str
    baseline: str
    now: str
    interval: str
    n: str
    missing: int
    parts: tuple[PartRow, ...]


def gate_rows(
    saved: Saved,
    baseline: Baseline | None,
    margins: Mapping[str, float],
    *,
    show: Show,
    yardsticks: Mapping[str, Yardstick] | None = None,
) -> tuple[GateRow, ...]:
    """A row a verdict, in the suite's order; scores share one axis, each other unit has its own.

    `yardsticks` are the judge's J by metric, of those metrics that a judge scored.
    """
    found = [(verdict, _comparison(verdict)) for verdict in saved.decision.verdicts]
    common = _common_axis(found, margins)
    rows: list[GateRow] = []
    for verdict, comparison in found:
        metric = comparison.metric if comparison is not None else verdict.gate
        row = replace(
            _bare(verdict, show),
            parts=_parts(saved.decision, metric, show),
            attributions=attribution_views(saved.attributions, verdict.gate, show=show),
            like=_like(verdict, rows, show),
        )
        if comparison is not None:
            row = _compared(row, comparison, common, margins.get(verdict.gate))
            row = replace(row, true=_true(comparison, (yardsticks or {}).get(metric)))
        elif figures.unit_of(verdict.gate) != "score":
            row = _spent(row, verdict, saved.run, baseline)
        else:
            row = _estimated(row, saved.decision, baseline, verdict.gate)
        rows.append(row if row.change else replace(row, change=_ratio(verdict)))
    return tuple(rows)


def _common_axis(
    found: Iterable[tuple[Verdict, Comparison | None]], margins: Mapping[str, float]
) -> Axis:
    shared: list[float] = []
    for verdict, comparison in found:
        if comparison is not None and figures.unit_of(comparison.metric) == "score":
            shared += [comparison.low, comparison.high, -margins.get(verdict.gate, 0.0)]
    return axis(shared)


def _like(verdict: Verdict, before: Iterable[GateRow], show: Show) -> str:
    """The first gate that says the same; what passes says what it found, alike or not."""
    if verdict.outcome == "PASS":
        return ""
    same = (verdict.outcome, show(verdict.reason))
    return next((row.gate for row in before if (row.outcome, row.reason) == same), "")


def _true(found: Comparison, yardstick: Yardstick | None) -> str:
    """What is detectable in truth; empty where nothing is divided."""
    if yardstick is None or not found.smallest_detectable > 0.0:
        return ""
    return yardstick.true(found.smallest_detectable)


def _ratio(verdict: Verdict) -> str:
    """How much a sum grew or shrank, where a check is on that; empty elsewhere."""
    found = next((check.ratio for check in verdict.checks if check.ratio is not None), None)
    return "" if found is None else figures.percent(found - 1.0)


def _comparison(verdict: Verdict) -> Comparison | None:
    """The comparison that the row shows: the one that decided, of several the baseline's."""
    found = [(check.outcome, check.comparison) for check in verdict.checks if check.comparison]
    if not found:
        return None
    return min(found, key=lambda item: (SEVERITY.index(item[0]), item[1].kind != "regression"))[1]


def _bare(verdict: Verdict, show: Show) -> GateRow:
    """The row without its numbers."""
    name, reason = show(verdict.gate), show(verdict.reason)
    return GateRow(
        gate=name,
        outcome=verdict.outcome,
        baseline=figures.NONE,
        now=figures.NONE,
        change="",
        interval="",
        detects="",
        true="",
        note=_note(verdict, show),
        reason=reason,
        # Gates say "dropped by 0.081"; a sentence that stands alone says what.
        sentence=f"{name}: {reason}",
        like="",
        attributions=(),
        plot=None,
        parts=(),
        checks=tuple(_check_row(check, show) for check in verdict.checks),
        checks_said=_checks_said(verdict),
        detailed=len(verdict.checks) > 1 or any(check.cases for check in verdict.checks),
    )


def _estimated(row: GateRow, decision: Decision, baseline: Baseline | None, metric: str) -> GateRow:
    """A row whose gate compares nothing but is named after a metric."""
    estimate = next((e for e in decision.estimates if e.metric == metric), None)
    if estimate is None:
        return row
    was = _baseline_mean(baseline, metric)
    return replace(row, baseline=was, now=figures.amount(estimate.value))


def _spent(row: GateRow, verdict: Verdict, run: Run, baseline: Baseline | None) -> GateRow:
    """A budget's row: means over the answered cases, those of the baseline where there is one.

    Seconds have geometric means, as the ratio of times that a gate tests has.
    """
    unit = figures.unit_of(verdict.gate)
    side = _deciding_side(verdict) if unit == "tokens" else ""
    mean = _geometric if unit == "s" else fmean
    now = _means(
        (
            (trial.case_id, _used(trial.outcome, unit, side))
            for trial in run.trials
            if isinstance(trial.outcome, Answer)
        ),
        mean,
    )
    before = _means(
        (
            (case.id, value)
            for case in (baseline.cases if baseline is not None else ())
            for value in _used_before(case, unit, side)
        ),
        mean,
    )
    shared = now.keys() & before.keys()
    if not shared:
        if not now:
            return row
        return replace(row, now=f"{side} {figures.amount(mean(now.values()), unit)}".lstrip())
    # In the run's order: a sum of floats depends on it, and a set has none.
    was = mean([before[case] for case in now if case in shared])
    is_ = mean([now[case] for case in now if case in shared])
    return replace(
        row,
        baseline=f"{side} {figures.amount(was, unit)}".lstrip(),
        now=figures.amount(is_, unit),
        change=figures.change(is_ - was, unit, was),
    )


def _geometric(values: Collection[float]) -> float:
    """The geometric mean; the arithmetic one where a clock measured nothing."""
    return geometric_mean(values) if all(value > 0.0 for value in values) else fmean(values)


def _means(
    values: Iterable[tuple[str, float]], mean: Callable[[Collection[float]], float]
) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for case, value in values:
        found.setdefault(case, []).append(value)
    return {case: mean(some) for case, some in found.items()}


def _deciding_side(verdict: Verdict) -> str:
    """`input` or `output`, where a limit on one of them decided; empty where their sum is shown."""
    decided = [check for check in verdict.checks if check.outcome in ("FAIL", "INCONCLUSIVE")]
    decided.sort(key=lambda check: SEVERITY.index(check.outcome))
    side = decided[0].kind.partition(" tokens")[0] if decided else ""
    return side if side in ("input", "output") else ""


def _used(answer: Answer, unit: figures.Unit, side: str) -> float:
    if unit == "usd":
        return answer.cost.usd
    if unit == "s":
        return answer.latency_s
    read = answer.usage.input_tokens if side != "output" else 0
    written = answer.usage.output_tokens if side != "input" else 0
    return float(read + written)


def _used_before(case: BaselineCase, unit: figures.Unit, side: str) -> tuple[float, ...]:
    """What a baseline recorded an epoch."""
    if unit == "usd":
        return case.usd
    if unit == "s":
        return case.latency_s
    if side:
        return tuple(map(float, case.input_tokens if side == "input" else case.output_tokens))
    pairs = zip(case.input_tokens, case.output_tokens, strict=True)
    return tuple(float(read + written) for read, written in pairs)


def _compared(row: GateRow, found: Comparison, common: Axis, margin: float | None) -> GateRow:
    """The row with what the comparison adds."""
    unit = figures.unit_of(found.metric)
    reference = figures.amount(found.reference, unit)
    detects = (
        f"{found.smallest_detectable:.3f}"
        if unit == "score"
        else figures.percent(found.smallest_detectable / found.reference).lstrip("+")
        if found.reference
        else ""
    )
    # Money and time are drawn as they are told, relative to the reference.
    per = 1.0 if unit == "score" else found.reference or 1.0
    found = _bounded(found) if unit == "score" else found
    low, delta, high = found.low / per, found.delta / per, found.high / per
    scale = common if unit == "score" else axis([low, high])
    change = figures.change(found.delta, unit, found.reference)
    bounds = figures.interval(found.low, found.high, unit, found.reference)
    return replace(
        row,
        baseline=reference if found.kind == "regression" else f"{found.kind} {reference}",
        now=figures.amount(found.now, unit),
        change=change,
        interval=bounds,
        detects=detects,
        plot=Plot(
            low=scale.x(low),
            now=scale.x(delta),
            high=scale.x(high),
            zero=scale.x(0.0),
            margin=scale.x(-margin) if margin and unit == "score" else None,
            label=f"change {change}, interval {bounds}",
        ),
    )


def _bounded(found: Comparison) -> Comparison:
    """The interval without what no mean of scores can be: outside [0, 1], or a change beyond 1."""
    least, most = (
        (-found.reference, 1.0 - found.reference) if found.kind == "floor" else (-1.0, 1.0)
    )
    return replace(
        found,
        low=min(max(found.low, least), found.delta),
        high=max(min(found.high, most), found.delta),
    )


def _check_row(check: Check, show: Show) -> CheckRow:
    return CheckRow(
        kind=show(check.kind).replace("_", " "),
        outcome=check.outcome,
        reason=show(check.reason),
        cases=tuple(map(show, check.cases)),
    )


def _checks_said(verdict: Verdict) -> str:
    """`2 checks, naming 9 cases`."""
    named = len({case for check in verdict.checks for case in check.cases})
    checks = figures.plural(len(verdict.checks), "check")
    return f"{checks}, naming {figures.plural(named, 'case')}" if named else checks


_NEEDS = re.compile(r"about \d+ cases would decide|needs \d+")


def _note(verdict: Verdict, show: Show) -> str:
    """The cases a red gate names, or what an undecided one needs."""
    if verdict.outcome == "INCONCLUSIVE":
        needs = _NEEDS.search(verdict.reason)
        return show(needs.group()) if needs else ""
    checks = [check for check in verdict.checks if check.outcome == verdict.outcome]
    cases = [case for check in checks for case in check.cases]
    if verdict.outcome == "PASS" or not cases:
        return ""
    shown = ", ".join(show(case) for case in cases[:2])
    kind = "worst" if verdict.outcome == "FAIL" else "see"
    return f"{kind}: {shown}{', …' if len(cases) > 2 else ''}"


def metric_rows(
    decision: Decision, baseline: Baseline | None, *, gated: frozenset[str], show: Show
) -> tuple[MetricRow, ...]:
    """A row for each metric that no gate decides on; what it is made of stands under it."""
    owned = {part for e in decision.estimates for part in _owned(decision, e.metric)}
    return tuple(
        MetricRow(
            metric=show(estimate.metric),
            baseline=_baseline_mean(baseline, estimate.metric),
            now=figures.amount(estimate.value, figures.unit_of(estimate.metric)),
            interval=f"[{max(estimate.low, 0.0):.3f}, {min(estimate.high, 1.0):.3f}]",
            n=f"{estimate.n:,}",
            missing=estimate.n_missing,
            parts=_parts(decision, estimate.metric, show),
        )
        for estimate in decision.estimates
        if estimate.metric not in gated | owned
    )


def _parts(decision: Decision, metric: str, show: Show) -> tuple[PartRow, ...]:
    return tuple(
        PartRow(
            name=show(name.removeprefix(f"{metric}.")).replace("_", " "),
            now=figures.amount(estimate.value),
            n=f"{estimate.n:,}",
        )
        for name, estimate in _owned(decision, metric).items()
    )


def _owned(decision: Decision, metric: str) -> dict[str, Estimate]:
    """The estimates of a metric's parts, which are named `metric.part`."""
    return {e.metric: e for e in decision.estimates if e.metric.startswith(f"{metric}.")}


def _baseline_mean(baseline: Baseline | None, metric: str) -> str:
    means = [
        fmean(epochs)
        for case in (baseline.cases if baseline is not None else ())
        for name, epochs in case.scores
        if name == metric and epochs
    ]
    return figures.amount(fmean(means), figures.unit_of(metric)) if means else figures.NONE


def gated_metrics(decision: Decision) -> frozenset[str]:
    """The metrics that some gate decides on: those compared, and those a gate is named after."""
    return compared_metrics(decision) | {verdict.gate for verdict in decision.verdicts}


def compared_metrics(decision: Decision) -> frozenset[str]:
    """The metrics that some gate tests against a baseline or a floor."""
    checks = [check for verdict in decision.verdicts for check in verdict.checks]
    return frozenset(c.comparison.metric for c in checks if c.comparison is not None)
