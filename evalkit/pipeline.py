"""The straight line: load → run → judge → aggregate → gate → report.

`measure` is everything that costs time or money; `conclude` is pure until it writes files, so a
saved run can be decided and rendered again at any time, free, to the same bytes.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit import __version__, answers, baselines, codec, git, journal, scope
from evalkit.attribution import PART, attributions
from evalkit.comparing import compare, family_size, finished, past_of, with_spend
from evalkit.errors import DataError
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Measurement, Promise
from evalkit.measure import Engine
from evalkit.plan import Effort, Past, Plan
from evalkit.records import Attribution, Baseline, Outcome, Run, Saved, worst
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
    tests = family_size([plan.promise for plan in plans])
    measured = []
    for plan in plans:
        past = past_of(plan, effort=effort, tests=tests)
        measured.append((plan.promise, measure(plan, place=place, effort=effort, past=past)))
    return conclude(measured, report=report, plans=plans)


def measure(plan: Plan, *, place: journal.Place, effort: Effort, past: Past | None = None) -> Run:
    """Run and judge one suite; with a `past`, only what its baseline leaves open is judged."""
    started = now()
    with Engine(plan, place=place, effort=effort, past=past) as engine:
        entries, duration_s = engine.all(), engine.duration_s
    del engine  # what it kept is not needed while the run is put together
    run = collect(plan, entries, started=started, duration_s=duration_s)
    return finished(plan, run, effort=effort)


def clear_runs(report: Path) -> None:
    """Remove the saved runs of an earlier build: the folder holds one build, not a mixture.

    For who measures; deciding saved runs again removes none.
    """
    for stale in (report / "runs").glob("*.json"):
        stale.unlink()


def conclude(
    measured: Sequence[tuple[Promise, Run]],
    *,
    report: Path,
    plans: Sequence[Plan] = (),
    attributed: Mapping[str, tuple[Attribution, ...]] | None = None,
) -> Concluded:
    """Aggregate, gate and report a build whose suites have been measured.

    `plans`, where there are some, are those that measured: what failed is replayed with them.
    `attributed` is what an earlier conclusion found so, by suite.
    """
    promises = [promise for promise, _ in measured]
    runs = {promise.suite: run for promise, run in measured}
    tests = family_size(promises)
    compared = [compare(run, promise, among=runs, tests=tests) for promise, run in measured]
    decisions = decide_build([(p.gates, m) for p, m in zip(promises, compared, strict=True)])
    saved = tuple(
        Saved(
            run=measurement.run,
            decision=decision,
            attributions=(attributed or {}).get(measurement.run.fingerprint.suite, ()),
        )
        for measurement, decision in zip(compared, decisions, strict=True)
    )
    if plans:
        saved = tuple(
            _attributed(plan, item, measurement.baseline)
            for plan, item, measurement in zip(plans, saved, compared, strict=True)
        )
    for item in saved:
        codec.dump(report / "runs" / f"{item.run.fingerprint.suite}.json", item)
    view = _view(saved, compared, promises)
    return Concluded(
        outcome=worst(tuple(decision.outcome for decision in decisions)),
        saved=saved,
        view=view,
        files=write_reports(report, view),
        exit_code=exit_code(promises, compared, saved),
    )


def _attributed(plan: Plan, saved: Saved, baseline: Baseline | None) -> Saved:
    """With which side of the target moved what failed, and what it took to see that."""
    made_of, kept, why_not = saved.run.fingerprint, None, ""
    if baseline is not None:
        try:
            kept = answers.load(plan.promise.root, made_of.profile, made_of.suite, baseline)
        except DataError as error:
            why_not = str(error)
    with scope.gathered() as scopes:
        found = attributions(plan, saved, baseline, kept, why_not=why_not)
    run = with_spend(saved.run, scope.total(scopes, PART))
    return replace(saved, run=run, attributions=found)


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
        commit=git.commit(plan.promise.path.parent),
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
        looks=entries.looks,
        settings=plan.settings,
    )


def fresh_place(folder: Path, *, resume: bool) -> journal.Place:
    """Where a run of this process alone keeps its journals."""
    run_id = uuid.uuid4().hex[:8]
    return journal.Place(folder=folder / "journal", run_id=run_id, writer="main", resume=resume)


def render(measured: Sequence[tuple[Promise, Saved]], *, report: Path) -> tuple[Path, ...]:
    """Write the reports of saved runs again; the same records give the same bytes."""
    compared = [compare(saved.run, promise, among={}) for promise, saved in measured]
    saved = [saved for _, saved in measured]
    return write_reports(report, _view(saved, compared, [promise for promise, _ in measured]))


def _view(
    saved: Sequence[Saved], compared: Sequence[Measurement], promises: Sequence[Promise]
) -> ReportView:
    return report_view(
        saved,
        baselines=[measurement.baseline for measurement in compared],
        margins=margins(promises),
        calibrations=[measurement.calibrations for measurement in compared],
        releases=[measurement.release for measurement in compared],
        judged={name for m in compared for name, on in m.judged_on.items() if on},
        lane=next((promise.lane for promise in promises), "pr"),
    )


def promote(plan: Plan, run: Run, *, because: str) -> Path:
    """Make a run of five fresh epochs the committed baseline. Returns the file written.

    Where the suite says so, the answers it was made of are kept beside it. Raises `DataError` where
    the run is not complete.
    """
    root, made_of = plan.promise.root, run.fingerprint
    by = git.user(root)
    baseline = baselines.promote(run, because=because, by=by, commit=run.commit)
    if plan.keep_answers:  # first: what may not be kept leaves the old baseline where it is
        answers.save(root, baseline, run, target=plan.recipe)
    else:
        answers.forget(root, made_of.profile, made_of.suite)
    return baselines.save(root, baseline)


def exit_code(
    promises: Sequence[Promise], compared: Sequence[Measurement], saved: Sequence[Saved]
) -> int:
    """0 pass, 1 fail, 10 inconclusive where the suite forbids it, 11 invalid, 12 no baseline.

    12 only where baselines are all that is wrong: promoting one would not mend a measurement.
    """
    outcome = worst(tuple(item.decision.outcome for item in saved))
    if outcome == "ERROR" and all(
        any(
            problem and problem in check.reason
            for problem in (measurement.baseline_problem, measurement.release_problem)
        )
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
