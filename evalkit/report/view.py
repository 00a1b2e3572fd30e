"""Everything a report says, computed once: templates and tables only place it.

Times, ages and durations come from the records, so the same records render to the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.records import (
    SEVERITY,
    Answer,
    Baseline,
    Decision,
    Fingerprint,
    Outcome,
    Run,
    Saved,
    Score,
    worst,
)
from evalkit.report import figures
from evalkit.report.case_view import CaseView, case_views
from evalkit.report.gate_view import GateRow, MetricRow, gate_rows, gated_metrics, metric_rows
from evalkit.report.redact import redactor
from evalkit.report.server_view import ServerView, server_view
from evalkit.report.sinks import clip, visible
from evalkit.report.spending_view import SpendingRow, judging_usd, spending_rows

Margins = Mapping[tuple[str, str], float]
"""(suite, gate) → the largest drop that may pass; drawn where it is known."""


COVERAGE = "coverage"
"""The gate that every suite has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineNote:
    """Where the numbers that a suite is compared with come from."""

    commit: str
    age: str
    epochs: str
    because: str


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
    profile: str
    profile_short: str
    n_cases: str
    repeats: int
    baseline: BaselineNote | None
    baseline_short: str
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
    columns: tuple[MetricColumn, ...]
    cases: tuple[CaseView, ...]
    n_moved: int
    n_failed: int
    n_unmeasured: int
    compared: bool
    anchors: Mapping[str, str]
    prompts: str
    fingerprint: tuple[tuple[str, str], ...]
    suite_file: str
    profile_name: str

    @property
    def red(self) -> tuple[GateRow, ...]:
        """The gates that did not pass; coverage first, as what is missing is why others failed."""
        found = [gate for gate in self.gates if gate.outcome != "PASS"]
        return tuple(sorted(found, key=lambda gate: gate.gate != COVERAGE))


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
) -> ReportView:
    """The view of a build: one `Saved` a suite, with its baseline (or None) at the same place.

    Raises `ValueError` without a suite, or where `baselines` are given but not one a suite.
    """
    if not saved:
        raise ValueError("a report needs at least one suite")
    compared = list(baselines) or [None] * len(saved)
    suites = tuple(
        suite_view(item, baseline=baseline, margins=margins, number=i)
        for i, (item, baseline) in enumerate(zip(saved, compared, strict=True), start=1)
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
        for gate in suite.red:
            if gate.outcome == outcome:
                return f"{suite.name}, {gate.sentence}"
    if outcome == "PASS":
        cases = sum(len(suite.cases) for suite in suites)
        return f"{figures.plural(gates, 'gate')} passed on {figures.plural(cases, 'case')}."
    return "No gate was decided, so nothing vouches for this build."


def suite_view(
    saved: Saved,
    *,
    baseline: Baseline | None = None,
    margins: Margins | None = None,
    number: int = 1,
) -> SuiteView:
    """The view of one suite; `number` is its place in the build and names its anchors."""
    run, decision = saved.run, saved.decision
    hide = redactor(run.cases)

    def show(text: str) -> str:
        return clip(visible(hide(text)))

    print_ = run.fingerprint
    own = {gate: value for (suite, gate), value in (margins or {}).items() if suite == print_.suite}
    gated = gated_metrics(decision)
    columns = _columns(run, decision, gated)
    cases = case_views(
        run, decision, baseline,
        metrics=[column.name for column in columns], gated=gated, prefix=f"s{number}",
    )  # fmt: skip
    answers = [trial.outcome for trial in run.trials if isinstance(trial.outcome, Answer)]
    tokens = sum(answer.usage.input_tokens + answer.usage.output_tokens for answer in answers)
    note = _baseline_note(run, baseline, decision)
    return SuiteView(
        name=show(print_.suite),
        anchor=f"s{number}",
        outcome=decision.outcome,
        purpose=show(run.purpose),
        profile=_profile(print_),
        profile_short=_profile_short(print_),
        n_cases=figures.plural(len(run.cases), "case"),
        repeats=max((trial.repeat + 1 for trial in run.trials), default=0),
        baseline=note,
        baseline_short=_short(note),
        started=show(figures.day(run.started_at)),
        duration=figures.seconds(run.duration_s),
        cost=figures.usd(_usd(run)),
        cost_per_case=figures.usd(_usd(run) / len(answers)) if answers else figures.NONE,
        tokens=f"{tokens:,}",
        agreement=_agreement(run),
        spending=spending_rows(run),
        servers=tuple(server_view(record, show=show) for record in run.servers),
        gates=gate_rows(saved, baseline, own, show=show),
        metrics=metric_rows(decision, baseline, gated=gated, show=show),
        columns=columns,
        cases=cases,
        n_moved=sum(case.moved for case in cases),
        n_failed=sum(case.failed for case in cases),
        n_unmeasured=sum(case.status == "unmeasured" for case in cases),
        compared=baseline is not None,
        anchors={case.id: case.anchor for case in cases},
        prompts=visible(", ".join(ref for ref, _ in print_.prompts)),
        fingerprint=_fingerprint(run),
        suite_file=visible(f"suites/{print_.suite}.toml"),
        profile_name=visible(print_.profile),
    )


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


def _profile(print_: Fingerprint) -> str:
    """What the verdicts rest on, and for the offline profile what they are not."""
    judge = ", ".join(filter(None, (_judge(print_), print_.judge_card)))
    smoke = "; a smoke gate" if print_.profile == "offline" else ""
    return visible(f"{print_.profile} profile: {judge}{smoke}")


SPEAKING_CARDS = ("LLM judge ", "panel of ")
"""How cards begin that name their judge; its fingerprint stands with the run's other facts."""

_ACCURACY = re.compile(r"balanced accuracy (\d*\.?\d+)", re.IGNORECASE)


def _profile_short(print_: Fingerprint) -> str:
    """The same in half a line: of the judge's card only the figure it starts with."""
    accuracy = _ACCURACY.match(print_.judge_card)
    card = f"BAcc {accuracy[1]}" if accuracy else clip(print_.judge_card, 40)
    judge = ", ".join(filter(None, (_judge(print_), card)))
    smoke = ": a smoke gate" if print_.profile == "offline" else ""
    return visible(f"{print_.profile} profile ({judge}{smoke})")


def _judge(print_: Fingerprint) -> str:
    if print_.judge_card.startswith(SPEAKING_CARDS):
        return ""
    return "embedded judge" if print_.judge.startswith("embedded") else f"judge {print_.judge}"


def _baseline_note(run: Run, baseline: Baseline | None, decision: Decision) -> BaselineNote | None:
    if baseline is None:
        named = visible(decision.baseline)
        return BaselineNote(commit=named, age="", epochs="", because="") if named else None
    because = f"{baseline.because} ({baseline.promoted_by})" if baseline.promoted_by else ""
    return BaselineNote(
        commit=visible(baseline.commit[:12]),
        age=figures.age(baseline.promoted_at, run.started_at),
        epochs=figures.plural(baseline.epochs, "epoch"),
        because=clip(visible(because or baseline.because)),
    )


def _short(note: BaselineNote | None) -> str:
    if note is None:
        return "no baseline"
    # Outside git it has no commit, and a clock set back leaves it no age.
    known = ", ".join(filter(None, (note.commit, note.age))) or "of unknown age"
    return f"baseline {known}"


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


def _fingerprint(run: Run) -> tuple[tuple[str, str], ...]:
    """What the run was made of, in words; digests shortened, the saved run has them whole."""
    made = run.fingerprint
    rows = [
        ("suite", made.suite),
        ("profile", made.profile),
        ("dataset", f"{made.dataset}, slice {made.dataset_slice}"),
        ("dataset digest", made.dataset_digest[:16]),
        ("target", made.target),
        ("generator", made.generator),
        ("judge", made.judge),
        ("judge card", made.judge_card),
        ("embedder", made.embedder),
        ("prices", made.price_table),
        ("metrics", ", ".join(f"{name} v{version}" for name, version in made.metrics)),
        ("prompts", ", ".join(f"{ref} ({digest[:12]})" for ref, digest in made.prompts)),
        ("configuration", made.config_digest[:16]),
        ("commit", run.commit),
        ("evalkit", f"{run.evalkit_version}, records v{run.schema_version}"),
    ]
    return tuple((name, clip(visible(value))) for name, value in rows if value)
