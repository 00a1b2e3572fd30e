"""`evalkit vllm …`: model servers."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import Commands, at_least_one, command, say


def add(commands: Commands) -> None:
    """`vllm noise`."""
    group = commands.add_parser("vllm", help="measure a model server")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    noise = command(verbs, "noise", noise_command, "how far a target's model repeats itself (A/A)")
    noise.add_argument("suite", type=Path)
    noise.add_argument("--profile", default="gpu")
    noise.add_argument("--cases", type=at_least_one, default=20, help="how many of its prompts")
    noise.add_argument("--runs", type=at_least_one, default=2, help="runs at each concurrency")
    noise.add_argument("--at-once", type=at_least_one, nargs="+", default=[1, 16], metavar="N")


def noise_command(options: argparse.Namespace) -> int:
    from evalkit.config import find_root, load_project
    from evalkit.repeatability import suite_noise

    project = load_project(find_root(Path.cwd()))
    found = suite_noise(
        options.suite,
        project=project,
        profile=options.profile,
        cases=options.cases,
        at_once=options.at_once,
        runs=options.runs,
    )
    for noise in found:
        say(str(noise))
    return 0
