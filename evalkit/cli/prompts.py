"""`evalkit prompts …`: released prompts."""

from __future__ import annotations

import argparse
from pathlib import Path

from evalkit.cli.options import Commands, command, say


def add(commands: Commands) -> None:
    """`prompts list`, `show`, `diff`, `lock`."""
    group = commands.add_parser("prompts", help="list, show, compare or release prompts")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    command(verbs, "list", list_prompts_command, "every prompt and version")
    show = command(verbs, "show", show_prompt_command, "one version, whole")
    show.add_argument("ref", metavar="NAME@N")
    diff = command(verbs, "diff", diff_prompts_command, "what changed between two versions")
    diff.add_argument("old", metavar="NAME@N")
    diff.add_argument("new", metavar="NAME@N")
    command(verbs, "lock", lock_prompts_command, "release new versions: record their digests")


def list_prompts_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    say(prompts.listing(find_root(Path.cwd())))
    return 0


def show_prompt_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    say(prompts.show(find_root(Path.cwd()), options.ref))
    return 0


def diff_prompts_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    say(prompts.diff(find_root(Path.cwd()), options.old, options.new))
    return 0


def lock_prompts_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    for ref in prompts.lock(find_root(Path.cwd())):
        print(f"released {ref}")
    return 0
