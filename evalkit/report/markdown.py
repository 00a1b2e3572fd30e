"""`report.md`: what a reviewer needs in a pull request, with nothing that GitHub would act on."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from evalkit.records import Outcome
from evalkit.report.baseline_view import in_short
from evalkit.report.case_view import CaseView
from evalkit.report.complaints import Complaint
from evalkit.report.gate_view import GateRow
from evalkit.report.sinks import markdown, markdown_code
from evalkit.report.view import ReportView, SuiteView

SHAPES: dict[Outcome, str] = {"PASS": "✔", "FAIL": "✖", "INCONCLUSIVE": "◐", "ERROR": "▲"}
"""A shape for each verdict: told apart without colour, and in a font without emoji."""

_MOST_MOVED = 10
_LIMIT = 60_000
"""A comment may hold 65,536 characters; what is left over is for whoever posts it."""


def report_markdown(view: ReportView) -> str:
    """The build as GitHub-flavoured Markdown, under the size of one comment."""
    parts = [
        f"## {SHAPES[view.outcome]} {view.outcome}: evalkit",
        markdown(view.headline, limit=600),
        _facts(view),
    ]
    room = _LIMIT - sum(len(part) + 2 for part in parts) - 200
    for place, suite in enumerate(view.suites):
        section = _suite(suite)
        if len(section) > room:
            left = len(view.suites) - place
            parts.append(f"*{left} more of {len(view.suites)} suites: see `report.html`.*")
            break
        parts.append(section)
        room -= len(section) + 2
    return "\n\n".join(parts) + "\n"


def _facts(view: ReportView) -> str:
    facts = [f"{count} {outcome}" for outcome, count in view.tally]
    commit = [f"commit {markdown_code(view.commit)}"] if view.commit else []
    return " · ".join([*facts, *commit, view.duration, markdown(view.cost)])


def _suite(suite: SuiteView) -> str:
    lane = ("release lane",) if suite.lane == "release" else ()
    release = (f"release {in_short(suite.release)}",) if suite.release is not None else ()
    compared = (suite.n_cases, suite.baseline_short, *release)
    facts = (*lane, suite.profile, *compared, suite.duration)
    parts = [
        f"### {SHAPES[suite.outcome]} {markdown(suite.name, limit=80)}",
        markdown(suite.purpose, limit=300),
        " · ".join(markdown(fact, limit=200) for fact in facts),
        _gates(suite.gates),
        _reasons(suite.red),
        _instrument(suite),
        _ungated(suite),
        _cases(suite),
        _reproduce(suite),
    ]
    return "\n\n".join(part for part in parts if part)


def _gates(gates: Sequence[GateRow]) -> str:
    return _table(
        ("gate", "baseline", "now", "change, 95 % interval", "detects", "verdict"),
        "lrrlrl",
        (
            (
                markdown(gate.gate, limit=60),
                markdown(gate.baseline),
                markdown(gate.now),
                markdown(f"{gate.change} {gate.interval}"),
                markdown(gate.detects),
                f"{SHAPES[gate.outcome]} {gate.outcome}",
            )
            for gate in gates
        ),
    )


def _reasons(red: Sequence[Complaint]) -> str:
    lines = []
    for found in red:
        lines.append(f"- **{found.outcome}** {markdown(found.sentence, limit=500)}")
        lines += [f"  - {markdown(one.said, limit=240)}" for one in found.attributions]
    return "\n".join(lines)


def _instrument(suite: SuiteView) -> str:
    """What the numbers rest on: what is not as before, the judge, and the calls it was spared."""
    changed = "; ".join(f"{name} {how}" for name, how in suite.changes)
    facts = (
        f"Changed since the baseline: {changed}." if changed else "",
        f"Judge: {suite.judge.said}." if suite.judge.said else "",
        f"Judge calls: {suite.savings.total}." if suite.savings.total else "",
    )
    return "  \n".join(markdown(fact, limit=400) for fact in facts if fact)


def _ungated(suite: SuiteView) -> str:
    shown = ", ".join(f"{row.metric} {row.now} {row.interval}" for row in suite.metrics)
    return f"Not gated: {markdown(shown, limit=400)}" if shown else ""


def _cases(suite: SuiteView) -> str:
    """The ten cases that moved most; without a baseline, the ten with the lowest scores."""
    missing = [case for case in suite.cases if case.status == "unmeasured"]
    moved = [case for case in suite.cases if case not in missing]
    if suite.compared:
        moved = [case for case in moved if case.moved or case.status == "breached"]
    shown = moved[:_MOST_MOVED]
    parts = []
    if missing:
        ids = ", ".join(markdown_code(case.id, limit=60) for case in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        parts.append(f"Not measured: {ids}{more}.")
    if shown:
        title = "moved most" if suite.compared else "scored lowest"
        parts += [
            f"<details><summary>The {len(shown)} cases that {title}</summary>",
            _table(("case", "metric", "baseline", "now", "question"), "llrrl", map(_case, shown)),
            "</details>",
        ]
    elif suite.compared:
        parts.append("No case moved.")
    return "\n\n".join(parts)


def _case(case: CaseView) -> tuple[str, ...]:
    cell = next((cell for cell in case.cells if cell.metric == case.move_metric), None)
    return (
        markdown_code(case.id, limit=60),
        markdown(case.word or case.move_metric, limit=60),
        markdown(cell.was) if cell else "",
        markdown(cell.now) if cell else "",
        markdown(case.question, limit=120),
    )


def _reproduce(suite: SuiteView) -> str:
    arguments = ["pytest", suite.suite_file, f"--evalkit-profile={suite.profile_name}"]
    return f"Reproduce: {markdown_code(shlex.join(arguments), limit=300)}"


def _table(heads: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    rule = [{"l": ":--", "r": "--:"}[side] for side in align]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))
