"""`evalkit …`: argument parsing only; every command is a few calls into the modules below.

A module holds a group of commands: `add` declares them, a function each carries them out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from evalkit import __version__
from evalkit.cli import baseline, explain, judge, noise, project, prompts, run, vllm
from evalkit.cli.options import EXIT_NO_BASELINE, EXIT_USAGE, Command, say
from evalkit.errors import BaselineMismatch, EvalkitError

EXIT_BROKEN_PIPE = 141
"""As a shell reports a process that SIGPIPE ended."""

GROUPS = (run, explain, baseline, judge, noise, prompts, vllm, project)
"""In the order of `evalkit --help`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        code = command(options)
        sys.stdout.flush()
    except BaselineMismatch as error:
        say(f"evalkit: {error}", file=sys.stderr)
        return EXIT_NO_BASELINE
    except EvalkitError as error:
        say(f"evalkit: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        # The reader has gone (`| head`). Python would say so once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line, as data."""
    root = argparse.ArgumentParser(
        prog="evalkit", description="A regression gate for LLM and RAG applications."
    )
    root.add_argument("--version", action="version", version=__version__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return root
