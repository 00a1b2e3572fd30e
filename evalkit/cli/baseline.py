"""`evalkit baseline …`: promoted runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import Commands, at_least_one, command, reason, say, surroundings, traffic


def add(commands: Commands) -> None:
    """`baseline promote`, `pin`, `show`, `diff`, `history`."""
    group = commands.add_parser("baseline", help="promote, pin, show or compare baselines")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    promote = command(verbs, "promote", promote_command, "measure five fresh epochs and keep them")
    promote.add_argument("suites", nargs="*", type=Path)
    promote.add_argument("--because", required=True, type=reason, help="why; it is committed")
    promote.add_argument("--profile", default="offline")
    promote.add_argument("--concurrency", type=at_least_one, help="cases in flight at once")
    traffic(promote)
    pin = command(verbs, "pin", pin_command, "keep today's baseline as that of a release")
    pin.add_argument("suites", nargs="*", type=Path, help="suite files (all in suites/)")
    pin.add_argument("--because", required=True, type=reason, help="which release; it is committed")
    pin.add_argument("--profile", default="offline")
    show = command(verbs, "show", show_baseline_command, "a baseline in words and numbers")
    history = command(verbs, "history", history_command, "every version of a baseline in git")
    history.add_argument("--case", default="", metavar="ID", help="the scores of one case")
    for one_suite in (show, history):
        one_suite.add_argument("suite", type=Path)
        one_suite.add_argument("--profile", default="offline")
    diff = command(verbs, "diff", diff_baselines_command, "what changed between two baseline files")
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)


def promote_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, baselines, noise_floor, pipeline
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
            path = pipeline.promote(plan, run, because=options.because)
            print(path)
            advice = noise_floor.advice(baselines.read(path), plan.promise.gates)
            if advice:
                say(advice)
    return 0


def pin_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, baselines
    from evalkit.config import find_root, load_project

    root = find_root(Path.cwd())
    suites = options.suites or assemble.suite_files([], project=load_project(root))
    names = [name for suite in suites for name in _names(suite, root)]
    for name in names:  # a missing one is found before any is pinned
        baselines.load_baseline(root, options.profile, name)
    for name in names:
        print(baselines.pin(root, options.profile, name, because=options.because))
    return 0


def show_baseline_command(options: argparse.Namespace) -> int:
    from evalkit import baselines, history, pipeline
    from evalkit.config import find_root

    root = find_root(Path.cwd())
    for name in _names(options.suite, root):
        say(baselines.show(baselines.load_baseline(root, options.profile, name)))
        say(history.standing(root, options.profile, name, now=pipeline.now().isoformat()))
    return 0


def history_command(options: argparse.Namespace) -> int:
    from evalkit import history, pipeline
    from evalkit.config import find_root

    root, now = find_root(Path.cwd()), pipeline.now().isoformat()
    for name in _names(options.suite, root):
        found = history.versions(root, options.profile, name)
        told = history.told(found, now=now, case_id=options.case)
        say(f"{name} · {options.profile} profile · {told}")
    return 0


def diff_baselines_command(options: argparse.Namespace) -> int:
    from evalkit import baselines, history

    old, new = baselines.read(options.old), baselines.read(options.new)
    lines = [*baselines.diff(old, new), *history.moved(old, new)]
    say("\n".join(lines) or "no difference")
    return 0


def _names(suite: Path, root: Path) -> tuple[str, ...]:
    """What the suite's baselines are called: after the file, or one a target of several."""
    from evalkit.config import load_suite

    if not suite.is_file():
        return (suite.stem,)
    file = load_suite(suite, root=root)
    return tuple(f"{file.name}@{target}" for target in file.header.targets) or (file.name,)
