"""`evalkit init` and `evalkit doctor`: a project, made and examined."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import EXIT_USAGE, Commands, command, say


def add(commands: Commands) -> None:
    """`init`, `doctor`."""
    init = command(commands, "init", init_command, "make a working project in an empty folder")
    init.add_argument("folder", nargs="?", type=Path, default=Path())
    doctor = command(commands, "doctor", doctor_command, "check everything a run would need")
    doctor.add_argument("--profile", default="offline")


def init_command(options: argparse.Namespace) -> int:
    from evalkit import scaffold

    for path in scaffold.create(options.folder):
        print(path)
    if options.folder != Path():
        print(f"Next: cd {options.folder}")
    print('Next: evalkit baseline promote --because "the first baseline"')
    print("Next: pytest suites/")
    print("Next: git add . && git commit     # the baseline is part of the project")
    return 0


def doctor_command(options: argparse.Namespace) -> int:
    from evalkit import doctor

    findings = doctor.examine(Path.cwd(), profile=options.profile)
    for finding in findings:
        say(str(finding))
    return 0 if all(finding.ok for finding in findings) else EXIT_USAGE
