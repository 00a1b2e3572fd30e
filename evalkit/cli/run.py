"""`evalkit run`, and what is made of saved runs: `regate`, `report`, `export`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.options import (
    DEFAULT_REPORT,
    Commands,
    at_least_one,
    command,
    say,
    surroundings,
    tell,
    traffic,
)

if TYPE_CHECKING:
    from evalkit.config import Project


def add(commands: Commands) -> None:
    """`run`, `regate`, `report`, `export`."""
    run = command(commands, "run", run_command, "measure suites and decide; exit 0 1 2 10 11 12")
    run.add_argument("suites", nargs="*", type=Path, help="suite files or folders (suites/)")
    run.add_argument("--profile", default="offline")
    run.add_argument("--report", type=Path, default=DEFAULT_REPORT)
    run.add_argument("--concurrency", type=at_least_one, help="cases in flight at once")
    _lane(run)
    run.add_argument("--resume", action="store_true", help="keep what the journal already holds")
    run.add_argument(
        "--estimate", action="store_true", help="print calls, tokens and dollars; spend nothing"
    )
    traffic(run)

    regate = command(commands, "regate", regate_command, "decide saved runs again; calls no model")
    regate.add_argument("runs", nargs="+", type=Path, help="run.json files")
    regate.add_argument("--report", type=Path, default=DEFAULT_REPORT)
    _lane(regate)

    report = command(commands, "report", report_command, "render saved runs again")
    report.add_argument("runs", nargs="+", type=Path, help="run.json files")
    report.add_argument("--report", type=Path, default=DEFAULT_REPORT)
    _lane(report)

    export = command(commands, "export", export_command, "a saved run as CSV or Parquet")
    export.add_argument("run", type=Path)
    export.add_argument("out", type=Path, help="a file ending in .csv or .parquet")


def _lane(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--lane", choices=("pr", "release"), default="pr",
        help="release: undecided is red, all is judged, the last release counts",
    )  # fmt: skip


def run_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.plan import Effort

    project = load_project(find_root(Path.cwd()))
    paths = assemble.suite_files(options.suites, project=project)
    if options.estimate:
        return _estimate(options, project, paths)
    effort = Effort(concurrency=options.concurrency)
    place = pipeline.fresh_place(options.report, resume=options.resume)
    with surroundings(options, place) as traffic:
        plans = [
            plan
            for path in paths
            for plan in assemble.plans(
                path, project=project, profile=options.profile, traffic=traffic, lane=options.lane
            )
        ]
        for plan in plans:
            print(f"{plan.name}: {len(plan.dataset.cases)} cases", file=sys.stderr)
        built = pipeline.run_build(plans, place=place, effort=effort, report=options.report)
    return tell(built)


def _estimate(options: argparse.Namespace, project: Project, paths: Sequence[Path]) -> int:
    from evalkit import assemble, estimate
    from evalkit.calls.traffic import Traffic

    rehearsing = Traffic(rehearsing=True)
    plans = [
        plan
        for path in paths
        for plan in assemble.plans(
            path, project=project, profile=options.profile, traffic=rehearsing
        )
    ]
    say(estimate.table(estimate.expected(plans, report=options.report)))
    return 0


def regate_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, codec, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.records import Saved

    project = load_project(find_root(Path.cwd()))
    saved = [codec.load(Saved, path) for path in options.runs]
    measured = [
        (assemble.promise_of_run(item.run, project=project, lane=options.lane), item.run)
        for item in saved
    ]
    attributed = {item.run.fingerprint.suite: item.attributions for item in saved}
    return tell(pipeline.conclude(measured, report=options.report, attributed=attributed))


def report_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, codec, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.records import Saved

    project = load_project(find_root(Path.cwd()))
    saved = [codec.load(Saved, path) for path in options.runs]
    pairs = [
        (assemble.promise_of_run(item.run, project=project, lane=options.lane), item)
        for item in saved
    ]
    for path in pipeline.render(pairs, report=options.report):
        print(path)
    return 0


def export_command(options: argparse.Namespace) -> int:
    from evalkit.export import export

    export(options.run, options.out)
    print(options.out)
    return 0
