"""One gate, and one ungated metric, as a row of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

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

    `reason` is read beside the gate's name, `sentence` stands alone.
    `detailed` is true where its checks say more than the sentence does.
    """

    gate: str
    outcome: Outcome
    baseline: str
    now: str
    change: str
    interval: str
    detects: str
    note: str
    reason: str
    sentence: str
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
    saved: Saved, baseline: Baseline | None, margins: Mapping[str, float], *, show: Show
) -> tuple[GateRow, ...]:
    """A row a verdict, in the suite's order; scores share one axis, each other unit has its own."""
    found = [(verdict, _comparison(verdict)) for verdict in saved.decision.verdicts]
    shared: list[float] = []
    for verdict, comparison in found:
        if comparison is not None and figures.unit_of(comparison.metric) == "score":
            shared += [comparison.low, comparison.high, -margins.get(verdict.gate, 0.0)]
    common = axis(shared)
    rows = []
    for verdict, comparison in found:
        metric = comparison.metric if comparison is not None else verdict.gate
        row = replace(_bare(verdict, show), parts=_parts(saved.decision, metric, show))
        if comparison is not None:
            row = _compared(row, comparison, common, margins.get(verdict.gate))
        elif figures.unit_of(verdict.gate) != "score":
            row = _spent(row, verdict, saved.run, baseline)
        else:
            row = _estimated(row, saved.decision, baseline, verdict.gate)
        rows.append(row if row.change else replace(row, change=_ratio(verdict)))
    return tuple(rows)


def _ratio(verdict: Verdict) -> str:
    """How much a sum grew or shrank, where a check is on that; empty elsewhere."""
    found = next((check.ratio for check in verdict.checks if check.ratio is not None), None)
    return "" if found is None else figures.percent(found - 1.0)


def _comparison(verdict: Verdict) -> Comparison | None:
    """The comparison that the row shows: with the baseline where there is one."""
    found = [check.comparison for check in verdict.checks if check.comparison is not None]
    return next((c for c in found if c.kind == "regression"), found[0] if found else None)


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
        note=_note(verdict, show),
        reason=reason,
        # Gates say "dropped by 0.081"; a sentence that stands alone says what.
        sentence=f"{name}: {reason}",
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
    """A budget's row: means over the answered cases, those of the baseline where there is one."""
    unit = figures.unit_of(verdict.gate)
    side = _deciding_side(verdict) if unit == "tokens" else ""
    now = _means(
        (trial.case_id, _used(trial.outcome, unit, side))
        for trial in run.trials
        if isinstance(trial.outcome, Answer)
    )
    before = _means(
        (case.id, value)
        for case in (baseline.cases if baseline is not None else ())
        for value in _used_before(case, unit, side)
    )
    shared = now.keys() & before.keys()
    if not shared:
        if not now:
            return row
        return replace(row, now=f"{side} {figures.amount(fmean(now.values()), unit)}".lstrip())
    # In the run's order: a sum of floats depends on it, and a set has none.
    was = fmean(before[case] for case in now if case in shared)
    mean = fmean(now[case] for case in now if case in shared)
    return replace(
        row,
        baseline=f"{side} {figures.amount(was, unit)}".lstrip(),
        now=figures.amount(mean, unit),
        change=figures.change(mean - was, unit, was),
    )


def _means(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for case, value in values:
        found.setdefault(case, []).append(value)
    return {case: fmean(some) for case, some in found.items()}


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
    """What a baseline recorded an epoch; it holds no times."""
    if unit == "usd":
        return case.usd
    if unit == "s":
        return ()
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
    low, delta, high = found.low / per, found.delta / per, found.high / per
    scale = common if unit == "score" else axis([low, high])
    change = figures.change(found.delta, unit, found.reference)
    bounds = figures.interval(found.low, found.high, unit, found.reference)
    return replace(
        row,
        baseline=reference if found.kind == "regression" else f"floor {reference}",
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
            interval=f"[{estimate.low:.3f}, {estimate.high:.3f}]",
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
    checks = [check for verdict in decision.verdicts for check in verdict.checks]
    compared = {check.comparison.metric for check in checks if check.comparison is not None}
    return frozenset(compared | {verdict.gate for verdict in decision.verdicts})
