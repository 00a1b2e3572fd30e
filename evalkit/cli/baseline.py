"""`evalkit baseline …`: promoted runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import Commands, at_least_one, command, reason, say, surroundings, traffic


def add(commands: Commands) -> None:
    """`baseline promote`, `show`, `diff`."""
    group = commands.add_parser("baseline", help="promote, show or compare baselines")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    promote = command(verbs, "promote", promote_command, "measure five fresh epochs and keep them")
    promote.add_argument("suites", nargs="*", type=Path)
    promote.add_argument("--because", required=True, type=reason, help="why; it is committed")
    promote.add_argument("--profile", default="offline")
    promote.add_argument("--concurrency", type=at_least_one, help="cases in flight at once")
    traffic(promote)
    show = command(verbs, "show", show_baseline_command, "a baseline in words and numbers")
    show.add_argument("suite", type=Path)
    show.add_argument("--profile", default="offline")
    diff = command(verbs, "diff", diff_baselines_command, "what changed between two baseline files")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)


def promote_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.plan import Effort

    project = load_project(find_root(Path.cwd()))
    effort = Effort(repeats=pipeline.EPOCHS, concurrency=options.concurrency)
    place = pipeline.fresh_place(project.root / ".evalkit" / "promote", resume=False)
    with surroundings(options, place) as traffic:
        plans = [
            plan
            for path in assemble.suite_files(options.suites, project=project)
            for plan in assemble.plans(
                path, project=project, profile=options.profile, traffic=traffic
            )
        ]
        for plan in plans:
            run = pipeline.measure(plan, place=place, effort=effort)
            print(pipeline.promote(run, root=project.root, because=options.because))
    return 0


def show_baseline_command(options: argparse.Namespace) -> int:
    from evalkit import baselines
    from evalkit.config import find_root

    root = find_root(Path.cwd())
    say(baselines.show(baselines.load_baseline(root, options.profile, options.suite.stem)))
    return 0


def diff_baselines_command(options: argparse.Namespace) -> int:
    from evalkit import baselines

    lines = baselines.diff(baselines.read(options.old), baselines.read(options.new))
    say("\n".join(lines) or "no difference")
    return 0
