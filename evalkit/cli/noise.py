"""`evalkit noise`: how often a suite's own gates are red although nothing changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.options import Commands, at_least_one, command, say, surroundings, traffic

if TYPE_CHECKING:
    from evalkit.config import Project

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
    from evalkit import assemble, codec, noise_floor
    from evalkit.records import Saved

    run = codec.load(Saved, options.from_run).run
    promise = assemble.promise_of_run(run, project=project)
    floor = noise_floor.noise_floor(run, promise, builds=options.replicates, seed=options.seed)
    say(noise_floor.told(floor, source=f"of {options.from_run}"))


def _tell_baseline(options: argparse.Namespace, project: Project) -> None:
    from evalkit import assemble, baselines, noise_floor
    from evalkit.calls.traffic import Traffic

    for plan in assemble.plans(
        options.suite, project=project, profile=options.profile, traffic=Traffic(rehearsing=True)
    ):
        baseline = baselines.load_baseline(project.root, options.profile, plan.name)
        floor = noise_floor.noise_floor(
            noise_floor.run_of(baseline, plan.dataset.cases),
            plan.promise,
            builds=options.replicates,
            seed=options.seed,
        )
        say(noise_floor.told(floor, source=f"of the baseline of {baseline.promoted_at}"))


def _tell_fresh(options: argparse.Namespace, project: Project) -> None:
    from evalkit import assemble, codec, noise_floor, pipeline
    from evalkit.plan import Effort

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
            floor = noise_floor.noise_floor(
                run, plan.promise, builds=options.replicates, seed=options.seed, again=again
            )
            say(noise_floor.told(floor, source="bought anew"))
            print(f"kept: {kept.relative_to(project.root).as_posix()} (--from-run)")
