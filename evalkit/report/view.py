"""Everything a report says, computed once: templates and tables only place it.

Times, ages and durations come from the records, so the same records render to the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.records import (
    SEVERITY,
    Answer,
    Baseline,
    Calibration,
    Decision,
    Outcome,
    Run,
    Saved,
    Score,
    worst,
)
from evalkit.report import figures
from evalkit.report.baseline_view import BaselineNote, baseline_note, in_short
from evalkit.report.case_view import CaseView, case_views
from evalkit.report.complaints import Complaint, complaints
from evalkit.report.fingerprint_view import changes, fingerprint_rows
from evalkit.report.flaky_view import FlakyTable, flaky_tables
from evalkit.report.gate_view import (
    GateRow,
    MetricRow,
    compared_metrics,
    gate_rows,
    gated_metrics,
    metric_rows,
)
from evalkit.report.judge_view import (
    JudgeView,
    judge_view,
    judged_metrics,
    profile,
    profile_short,
)
from evalkit.report.redact import redactor
from evalkit.report.savings_view import SavingsView, savings_view
from evalkit.report.server_view import ServerView, server_view
from evalkit.report.sinks import clip, visible
from evalkit.report.slice_view import SliceTable, slice_tables
from evalkit.report.spending_view import SpendingRow, judging_usd, spending_rows

Margins = Mapping[tuple[str, str], float]
"""(suite, gate) → the largest drop that may pass; drawn where it is known."""


COVERAGE = "coverage"
"""The gate that every suite has."""


Lane = Literal["pr", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricColumn:
    """A metric as a column of the case list; its words, so that a narrow head can break."""

    name: str
    words: tuple[str, ...]
    gated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteView:
    """One suite of the build."""

    name: str
    anchor: str
    outcome: Outcome
    purpose: str
    lane: Lane
    profile: str
    profile_short: str
    n_cases: str
    repeats: int
    baseline: BaselineNote | None
    baseline_short: str
    release: BaselineNote | None
    changes: tuple[tuple[str, str], ...]
    judge: JudgeView
    savings: SavingsView
    started: str
    duration: str
    cost: str
    cost_per_case: str
    tokens: str
    agreement: str
    spending: tuple[SpendingRow, ...]
    servers: tuple[ServerView, ...]
    gates: tuple[GateRow, ...]
    metrics: tuple[MetricRow, ...]
    slices: tuple[SliceTable, ...]
    flaky: tuple[FlakyTable, ...]
    columns: tuple[MetricColumn, ...]
    cases: tuple[CaseView, ...]
    n_moved: int
    n_failed: int
    n_unmeasured: int
    n_whole: int
    compared: bool
    anchors: Mapping[str, str]
    prompts: str
    fingerprint: tuple[tuple[str, str], ...]
    suite_file: str
    profile_name: str

    @property
    def red(self) -> tuple[Complaint, ...]:
        """What the gates that did not pass say; coverage first, as what is missing is the cause."""
        found = [gate for gate in self.gates if gate.outcome != "PASS"]
        found.sort(key=lambda gate: gate.gate != COVERAGE)
        return complaints(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """One build. `tally` counts its gates by verdict, worst first."""

    outcome: Outcome
    headline: str
    tally: tuple[tuple[Outcome, int], ...]
    commit: str
    started: str
    duration: str
    cost: str
    version: str
    suites: tuple[SuiteView, ...]


def report_view(
    saved: Sequence[Saved],
    *,
    baselines: Sequence[Baseline | None] = (),
    margins: Margins | None = None,
    calibrations: Sequence[tuple[Calibration, ...]] = (),
    releases: Sequence[Baseline | None] = (),
    judged: Collection[str] = (),
    lane: Lane = "pr",
) -> ReportView:
    """The view of a build: one `Saved` a suite, with what it is compared with at the same place.

    `calibrations` are what people's labels say of each suite's judge, `releases` the baselines
    pinned at the last release. `judged` are the metrics that ask the judge, as far as they are not
    seen to in a run. Raises `ValueError` without a suite, or where any of the sequences is given
    but is not one a suite.
    """
    if not saved:
        raise ValueError("a report needs at least one suite")
    nobody: list[tuple[Calibration, ...]] = [() for _ in saved]
    beside = zip(
        saved,
        baselines or [None] * len(saved),
        calibrations or nobody,
        releases or [None] * len(saved),
        strict=True,
    )
    suites = tuple(
        suite_view(
            item,
            baseline=baseline,
            margins=margins,
            calibrations=labelled,
            release=release,
            judged=judged,
            lane=lane,
            number=i,
        )
        for i, (item, baseline, labelled, release) in enumerate(beside, start=1)
    )
    first = saved[0].run
    gates = [gate.outcome for suite in suites for gate in suite.gates]
    outcome = worst(tuple(item.decision.outcome for item in saved))
    return ReportView(
        outcome=outcome,
        headline=_headline(suites, outcome),
        tally=tuple((o, gates.count(o)) for o in SEVERITY if o in gates),
        commit=visible(first.commit),
        started=visible(figures.day(first.started_at)),
        duration=figures.seconds(sum(item.run.duration_s for item in saved)),
        cost=_cost([item.run for item in saved]),
        version=visible(first.evalkit_version),
        suites=suites,
    )


def _headline(suites: Sequence[SuiteView], outcome: Outcome) -> str:
    """The reason of the first gate that is as bad as the build."""
    gates = sum(len(suite.gates) for suite in suites)
    for suite in suites:
        for said in suite.red:
            if said.outcome == outcome:
                return f"{suite.name}, {_pointed(said)}"
    if outcome == "PASS":
        cases = sum(len(suite.cases) for suite in suites)
        return f"{figures.plural(gates, 'gate')} passed on {figures.plural(cases, 'case')}."
    return "No gate was decided, so nothing vouches for this build."


def _pointed(said: Complaint) -> str:
    """Of a FAIL its first clause, and what moved; the rest stands with the gate."""
    if said.outcome != "FAIL":
        return said.sentence
    moved = [found.said for found in said.attributions if found.square]
    return "; ".join([said.sentence.partition("; ")[0], *moved[:1]])


def suite_view(
    saved: Saved,
    *,
    baseline: Baseline | None = None,
    margins: Margins | None = None,
    calibrations: Sequence[Calibration] = (),
    release: Baseline | None = None,
    judged: Collection[str] = (),
    lane: Lane = "pr",
    number: int = 1,
) -> SuiteView:
    """The view of one suite; `number` is its place in the build and names its anchors."""
    run, decision = saved.run, saved.decision
    print_, show = run.fingerprint, _shower(run)
    own = {gate: value for (suite, gate), value in (margins or {}).items() if suite == print_.suite}
    gated = gated_metrics(decision)
    columns = _columns(run, decision, gated)
    ranked = [column.name for column in columns if column.gated]
    cases = case_views(
        run, decision, baseline,
        metrics=[column.name for column in columns], gated=gated, prefix=f"s{number}",
    )  # fmt: skip
    anchors = {case.id: case.anchor for case in cases}
    asked = judged_metrics(run, judged)
    judge = judge_view(
        calibrations, suite=print_.suite, judged=asked, compared=compared_metrics(decision)
    )
    repeats = max((trial.repeat + 1 for trial in run.trials), default=0)
    answers = [trial.outcome for trial in run.trials if isinstance(trial.outcome, Answer)]
    tokens = sum(answer.usage.input_tokens + answer.usage.output_tokens for answer in answers)
    note = baseline_note(baseline, started_at=run.started_at, named=decision.baseline)
    return SuiteView(
        name=show(print_.suite),
        anchor=f"s{number}",
        outcome=decision.outcome,
        purpose=show(run.purpose),
        lane=lane,
        profile=profile(print_),
        profile_short=profile_short(print_),
        n_cases=figures.plural(len(run.cases), "case"),
        repeats=repeats,
        baseline=note,
        baseline_short=in_short(note),
        release=baseline_note(release, started_at=run.started_at),
        changes=changes(run, baseline),
        judge=judge,
        savings=savings_view(run, judged=asked),
        started=show(figures.day(run.started_at)),
        duration=figures.seconds(run.duration_s),
        cost=figures.usd(_usd(run)),
        cost_per_case=figures.usd(_usd(run) / len(answers)) if answers else figures.NONE,
        tokens=f"{tokens:,}",
        agreement=_agreement(run),
        spending=spending_rows(run),
        servers=tuple(server_view(record, show=show) for record in run.servers),
        gates=gate_rows(saved, baseline, own, show=show, yardsticks=judge.yardsticks),
        metrics=metric_rows(decision, baseline, gated=gated, show=show),
        slices=slice_tables(cases, ranked),
        flaky=flaky_tables(
            baseline,
            ranked,
            comparisons=decision.comparisons,
            repeats=repeats,
            anchors=anchors,
            show=show,
        ),
        columns=columns,
        cases=cases,
        n_moved=sum(case.moved for case in cases),
        n_failed=sum(case.failed for case in cases),
        n_unmeasured=sum(case.status == "unmeasured" for case in cases),
        n_whole=sum(case.whole for case in cases),
        compared=baseline is not None,
        anchors=anchors,
        prompts=visible(", ".join(ref for ref, _ in print_.prompts)),
        fingerprint=fingerprint_rows(run),
        suite_file=visible(f"suites/{print_.suite}.toml"),
        profile_name=visible(print_.profile),
    )


def _shower(run: Run) -> Callable[[str], str]:
    """Untrusted text → text without planted secrets and controls, bounded."""
    hide = redactor(run.cases)
    return lambda text: clip(visible(hide(text)))


def _agreement(run: Run) -> str:
    """How often the judges of a panel all said the same; empty where there was no panel."""
    voted = [
        judgement
        for score in run.scores
        if isinstance(score, Score)
        for judgement in score.judgements
        if judgement.voters
    ]
    if not voted:
        return ""
    unanimous = sum(judgement.votes == judgement.voters for judgement in voted)
    share = 100 * unanimous / len(voted)
    return f"on {unanimous:,} of {figures.plural(len(voted), 'verdict')} ({share:.0f} %)"


def _cost(runs: Sequence[Run]) -> str:
    """What the targets cost, and the judges where they cost anything; both with a cold cache."""
    judging = sum(judging_usd(run) for run in runs)
    answering = figures.usd(sum(_usd(run) for run in runs))
    return f"{answering}, judging {figures.usd(judging)}" if judging else answering


def _usd(run: Run) -> float:
    return sum(t.outcome.cost.usd for t in run.trials if isinstance(t.outcome, Answer))


def _columns(run: Run, decision: Decision, gated: frozenset[str]) -> tuple[MetricColumn, ...]:
    """Metrics of the case list: gated ones in the gates' order, then the others as scored."""
    scored = list(dict.fromkeys(score.metric for score in run.scores))
    places = {verdict.gate: place for place, verdict in enumerate(decision.verdicts)}
    scored.sort(key=lambda metric: (metric not in gated, places.get(metric, len(places))))
    return tuple(
        MetricColumn(
            name=metric,
            words=tuple(re.findall(r"[^_/]*[_/]?", visible(metric))),
            gated=metric in gated,
        )
        for metric in scored
    )
