"""The straight line: load → run → judge → aggregate → gate → report.

`measure` is everything that costs time or money; `conclude` is pure until it writes files, so a
saved run can be decided and rendered again at any time, free, to the same bytes.
"""

from __future__ import annotations

import datetime
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit import __version__, baselines, codec, journal
from evalkit.aggregate import estimate
from evalkit.errors import BaselineMismatch
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Measurement, Promise
from evalkit.measure import Engine
from evalkit.plan import Effort, Plan
from evalkit.records import Outcome, Run, Saved, worst
from evalkit.report.terminal import summary
from evalkit.report.view import Margins, ReportView, report_view
from evalkit.report.write import write_reports

SCHEMA_VERSION = 1
EPOCHS = 5
"""Fresh repeats a baseline is made of: one unlucky epoch would redden every later build."""

EXIT_CODES: dict[Outcome, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 0, "ERROR": 11}
EXIT_INCONCLUSIVE, EXIT_NO_BASELINE = 10, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """What a build came to: a saved run a suite, the files written, the CLI's exit code."""

    outcome: Outcome
    saved: tuple[Saved, ...]
    view: ReportView
    files: tuple[Path, ...]
    exit_code: int

    def summary(self, *, color: bool) -> list[str]:
        """What the terminal shows at the end: a table a suite, and where the report is."""
        tables = [(*summary(suite, color=color), "") for suite in self.view.suites]
        report = next(f"report: {path}" for path in self.files if path.suffix == ".html")
        return [*(line for table in tables for line in table), report]


def run_build(
    plans: Sequence[Plan], *, place: journal.Place, effort: Effort, report: Path
) -> Concluded:
    """Measure some suites, one after the other (each concurrently in itself), and conclude."""
    clear_runs(report)
    measured = [(plan.promise, measure(plan, place=place, effort=effort)) for plan in plans]
    return conclude(measured, report=report)


def measure(plan: Plan, *, place: journal.Place, effort: Effort) -> Run:
    """Run and judge one suite."""
    started = now()
    with Engine(plan, place=place, effort=effort) as engine:
        entries, duration_s = engine.all(), engine.duration_s
    del engine  # what it kept is not needed while the run is put together
    return collect(plan, entries, started=started, duration_s=duration_s)


def clear_runs(report: Path) -> None:
    """Remove the saved runs of an earlier build: the folder holds one build, not a mixture.

    For who measures; deciding saved runs again removes none.
    """
    for stale in (report / "runs").glob("*.json"):
        stale.unlink()


def conclude(measured: Sequence[tuple[Promise, Run]], *, report: Path) -> Concluded:
    """Aggregate, gate and report a build whose suites have been measured."""
    promises = [promise for promise, _ in measured]
    runs = {promise.suite: run for promise, run in measured}
    compared = [compare(run, promise, among=runs) for promise, run in measured]
    decisions = decide_build([(p.gates, m) for p, m in zip(promises, compared, strict=True)])
    saved = tuple(
        Saved(run=measurement.run, decision=decision)
        for measurement, decision in zip(compared, decisions, strict=True)
    )
    for item in saved:
        codec.dump(report / "runs" / f"{item.run.fingerprint.suite}.json", item)
    view = report_view(saved, baselines=[m.baseline for m in compared], margins=margins(promises))
    return Concluded(
        outcome=worst(tuple(decision.outcome for decision in decisions)),
        saved=saved,
        view=view,
        files=write_reports(report, view),
        exit_code=exit_code(promises, compared, saved),
    )


def margins(promises: Sequence[Promise]) -> Margins:
    """The largest drop each metric gate lets pass; the report draws it beside the interval."""
    return {
        (promise.suite, gate.name): gate.margin
        for promise in promises
        for gate in promise.gates
        if isinstance(gate, MetricGate) and gate.compare
    }


def now() -> datetime.datetime:
    """The time, to the second; the only clock that a run records."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def collect(
    plan: Plan, entries: journal.Entries, *, started: datetime.datetime, duration_s: float
) -> Run:
    """The run: everything measured, in the dataset's order whatever order it was finished in."""
    cases = {case.id: i for i, case in enumerate(plan.dataset.cases)}
    metrics = {metric.name: i for i, metric in enumerate(plan.metrics)}
    repeats = 1 + max((trial.repeat for trial in entries.trials), default=0)

    def place(case_id: str, repeat: int, metric: int = 0) -> int:
        # One number: ten thousand cases would have forty thousand tuples to be sorted by.
        return (cases[case_id] * repeats + repeat) * len(metrics) + metric

    return Run(
        schema_version=SCHEMA_VERSION,
        evalkit_version=__version__,
        commit=commit(plan.promise.path.parent),
        started_at=started.isoformat(),
        duration_s=round(duration_s, 3),
        purpose=plan.purpose,
        fingerprint=plan.fingerprint,
        cases=plan.dataset.cases,
        trials=tuple(sorted(entries.trials, key=lambda t: place(t.case_id, t.repeat))),
        scores=tuple(
            sorted(entries.scores, key=lambda s: place(s.case_id, s.repeat, metrics[s.metric]))
        ),
        spends=entries.spends,
        servers=plan.remote.servers,
    )


def compare(run: Run, promise: Promise, *, among: Mapping[str, Run]) -> Measurement:
    """The run's estimates beside the baseline that fits it, or why none does.

    `among` are the build's runs by suite; those of the suite's earlier targets are its rivals.
    """
    stem = promise.suite.partition("@")[0]
    rivals = tuple(
        (name, baselines.reduced(among[f"{stem}@{name}"]))
        for name in promise.rivals
        if f"{stem}@{name}" in among
    )
    baseline, problem = None, ""
    try:
        baseline = baselines.load_fitting(promise.root, run.fingerprint, suite=promise.path)
    except BaselineMismatch as error:
        problem = str(error)
    return Measurement(
        run=run,
        estimates=estimate(run),
        baseline=baseline,
        baseline_problem=problem,
        rivals=rivals,
    )


def fresh_place(folder: Path, *, resume: bool) -> journal.Place:
    """Where a run of this process alone keeps its journals."""
    run_id = uuid.uuid4().hex[:8]
    return journal.Place(folder=folder / "journal", run_id=run_id, writer="main", resume=resume)


def render(measured: Sequence[tuple[Promise, Saved]], *, report: Path) -> tuple[Path, ...]:
    """Write the reports of saved runs again; the same records give the same bytes."""
    compared = [compare(saved.run, promise, among={}) for promise, saved in measured]
    view = report_view(
        [saved for _, saved in measured],
        baselines=[measurement.baseline for measurement in compared],
        margins=margins([promise for promise, _ in measured]),
    )
    return write_reports(report, view)


def promote(run: Run, *, root: Path, because: str) -> Path:
    """Make a run of five fresh epochs the committed baseline. Returns the file written.

    Raises `DataError` where the run is not complete.
    """
    by = _git(root, "config", "user.name", default="unknown")
    baseline = baselines.promote(run, because=because, by=by, commit=run.commit)
    return baselines.save(root, baseline)


def exit_code(
    promises: Sequence[Promise], compared: Sequence[Measurement], saved: Sequence[Saved]
) -> int:
    """0 pass, 1 fail, 10 inconclusive where the suite forbids it, 11 invalid, 12 no baseline.

    12 only where baselines are all that is wrong: promoting one would not mend a measurement.
    """
    outcome = worst(tuple(item.decision.outcome for item in saved))
    if outcome == "ERROR" and all(
        measurement.baseline_problem and measurement.baseline_problem in check.reason
        for measurement, item in zip(compared, saved, strict=True)
        for verdict in item.decision.verdicts
        for check in verdict.checks
        if check.outcome == "ERROR"
    ):
        return EXIT_NO_BASELINE
    strict = any(
        promise.inconclusive == "fail" and item.decision.outcome == "INCONCLUSIVE"
        for promise, item in zip(promises, saved, strict=True)
    )
    return EXIT_INCONCLUSIVE if strict and outcome == "INCONCLUSIVE" else EXIT_CODES[outcome]


def commit(folder: Path) -> str:
    """The checked-out commit, with `+` where tracked files differ from it; empty outside git."""
    head = _git(folder, "rev-parse", "--short=12", "HEAD", default="")
    dirty = _git(folder, "status", "--porcelain", "--untracked-files=no", default="")
    return head + ("+" if head and dirty else "")


def _git(folder: Path, *arguments: str, default: str) -> str:
    """What git says, or `default` where there is no git, no repository or no answer."""
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments, no shell
            ["git", *arguments],  # noqa: S607  # the user's git, wherever it is installed
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return default
    return done.stdout.strip() or default
