"""`evalkit noise`: how often a suite's own gates are red although nothing changed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.options import Commands, at_least_one, command, say, surroundings, traffic

if TYPE_CHECKING:
    from evalkit.config import Project
    from evalkit.gates.protocol import Promise
    from evalkit.plan import Plan
    from evalkit.records import Run, Score

FOLDER = Path(".evalkit") / "noise"
"""Where the epochs are kept that were bought, below the project's folder."""


def add(commands: Commands) -> None:
    """`noise`."""
    noise = command(
        commands, "noise", noise_command, "false alarms of a suite's gates, nothing changed (A/A)"
    )
    noise.add_argument("suite", type=Path)
    noise.add_argument("--profile", default="offline")
    noise.add_argument("--epochs", type=at_least_one, default=6, help="fresh epochs to measure")
    noise.add_argument(
        "--replicates", type=at_least_one, default=2000, help="unchanged builds to draw from them"
    )
    noise.add_argument("--seed", type=int, default=20261122, help="of what is drawn")
    noise.add_argument("--concurrency", type=at_least_one, help="cases in flight at once")
    noise.add_argument(
        "--alone", action="store_true", help="for builds of this suite alone: fewer tests share α"
    )
    source = noise.add_mutually_exclusive_group()
    source.add_argument(
        "--from-baseline", action="store_true", help="use the baseline's epochs; calls no model"
    )
    source.add_argument(
        "--from-run", type=Path, metavar="RUN", help="use a saved run's repeats; calls no model"
    )
    traffic(noise)
    noise.set_defaults(no_cache=True)  # a cached reply has no noise


def noise_command(options: argparse.Namespace) -> int:
    from evalkit.config import find_root, load_project

    project = load_project(find_root(Path.cwd()))
    if options.from_run is not None:
        _tell_run(options, project)
    elif options.from_baseline:
        _tell_baseline(options, project)
    else:
        _tell_fresh(options, project)
    return 0


def _tell_run(options: argparse.Namespace, project: Project) -> None:
    from evalkit import assemble, codec
    from evalkit.records import Saved

    run = codec.load(Saved, options.from_run).run
    path = assemble.promise_of_run(run, project=project).path
    family = _family(path, project, alone=options.alone)
    for plan in _rehearsed(path, project, run.fingerprint.profile):
        if plan.name == run.fingerprint.suite:
            _tell(options, plan, run, family=family, source=f"of {options.from_run}")


def _tell_baseline(options: argparse.Namespace, project: Project) -> None:
    from evalkit import baselines, noise_floor

    family = _family(options.suite, project, alone=options.alone)
    for plan in _rehearsed(options.suite, project, options.profile):
        baseline = baselines.load_baseline(project.root, options.profile, plan.name)
        run = noise_floor.run_of(baseline, plan.dataset.cases)
        source = f"of the baseline of {baseline.promoted_at}"
        _tell(options, plan, run, family=family, source=source)


def _tell_fresh(options: argparse.Namespace, project: Project) -> None:
    from evalkit import assemble, codec, noise_floor, pipeline
    from evalkit.plan import Effort

    family = _family(options.suite, project, alone=options.alone)  # before anything is bought
    folder = project.root / FOLDER
    place = pipeline.fresh_place(folder, resume=False)
    effort = Effort(repeats=options.epochs, concurrency=options.concurrency)
    with surroundings(options, place) as around:
        for plan in assemble.plans(
            options.suite, project=project, profile=options.profile, traffic=around
        ):
            run, again = noise_floor.measured(plan, place=place, effort=effort)
            kept = folder / "runs" / f"{plan.name}.json"
            codec.dump(kept, noise_floor.saved(run, plan.promise))
            _tell(options, plan, run, family=family, source="bought anew", again=again)
            print(f"kept: {kept.relative_to(project.root).as_posix()} (--from-run)")


def _rehearsed(path: Path, project: Project, profile: str) -> tuple[Plan, ...]:
    """The plans of a suite, to be read and not measured."""
    from evalkit import assemble
    from evalkit.calls.traffic import Traffic

    return assemble.plans(path, project=project, profile=profile, traffic=Traffic(rehearsing=True))


def _tell(
    options: argparse.Namespace,
    plan: Plan,
    run: Run,
    *,
    family: int,
    source: str,
    again: Sequence[Score] = (),
) -> None:
    from evalkit import noise_floor

    floor = noise_floor.noise_floor(
        run,
        plan.promise,
        builds=options.replicates,
        seed=options.seed,
        again=again,
        judge_costs=plan.judge_costs,
        family=family,
    )
    say(noise_floor.told(floor, source=source))


def _family(path: Path, project: Project, *, alone: bool) -> int:
    """The tests of a build of the project's suites, or of this one. Raises `ConfigError`."""
    from evalkit import assemble, comparing
    from evalkit.config import load_suite
    from evalkit.errors import ConfigError, Problem

    built = [] if alone else sorted((project.root / "suites").glob("*.toml"))
    promises: list[Promise] = []
    problems: list[Problem] = []
    for file in dict.fromkeys(one.resolve() for one in (path, *built)):
        try:
            suite = load_suite(file, root=project.root)
            promises += [
                assemble.promise_of(suite, name, project=project) for name in suite.header.measured
            ]
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return comparing.family_size(promises)
