"""`evalkit explain`: how a verdict of a saved run came about."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import Commands, command, say


def add(commands: Commands) -> None:
    """`explain`."""
    explain = command(commands, "explain", explain_command, "how a verdict came about, in words")
    explain.add_argument("run", type=Path, help="a run.json; the others of its build lie beside it")
    explain.add_argument("gate", help="a gate's name, as in the report")
    explain.add_argument("--lane", choices=("pr", "release"), default="pr")


def explain_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, codec, comparing, explain, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.gates.decide import decide_build
    from evalkit.records import Saved

    project = load_project(find_root(Path.cwd()))
    asked = codec.load(Saved, options.run)
    # All suites of a build share its error rate, so each is decided with the others.
    beside = sorted(path for path in options.run.parent.glob("*.json") if path != options.run)
    saved = [asked, *(codec.load(Saved, path) for path in beside)]
    promises = [
        assemble.promise_of_run(item.run, project=project, lane=options.lane) for item in saved
    ]
    among = {item.run.fingerprint.suite: item.run for item in saved}
    tests = comparing.family_size(promises)
    measured = [
        comparing.compare(item.run, promise, among=among, tests=tests)
        for item, promise in zip(saved, promises, strict=True)
    ]
    build = decide_build([(p.gates, m) for p, m in zip(promises, measured, strict=True)])
    say(
        explain.verdict(
            asked,
            options.gate,
            promise=promises[0],
            measurement=measured[0],
            build=build,
            now=pipeline.now().isoformat(),
        )
    )
    return 0
