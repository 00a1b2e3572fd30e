"""Options and printing that the commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

if TYPE_CHECKING:
    from evalkit.calls.traffic import Traffic
    from evalkit.journal import Place
    from evalkit.pipeline import Concluded

EXIT_USAGE, EXIT_NO_BASELINE = 2, 12
MAX_PRINTED = 1_000_000
DEFAULT_REPORT = Path("reports/latest")

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""What `add_subparsers` returns; argparse has no public name for it."""

Command = Callable[[argparse.Namespace], int]


def command(commands: Commands, name: str, run: Command, summary: str) -> argparse.ArgumentParser:
    """A command that `run` carries out."""
    sub = commands.add_parser(name, help=summary, description=summary)
    sub.set_defaults(command=run)
    return sub


def traffic(sub: argparse.ArgumentParser) -> None:
    """What surrounds the calls to models outside this process."""
    add = sub.add_argument
    add("--max-usd", type=_dollars, help="hard cap for the whole command")
    add("--deadline", type=_seconds, metavar="SECONDS", help="call no model later than this")
    add("--replay", type=Path, metavar="DIR", help="answer model calls from recordings alone")
    add("--record", type=Path, metavar="DIR", help="write the replies of providers there")
    add("--no-cache", action="store_true", help="buy every reply anew")


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def _dollars(text: str) -> float:
    return _positive(text, "dollars")


def _seconds(text: str) -> float:
    return _positive(text, "seconds")


def _positive(text: str, unit: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise argparse.ArgumentTypeError(f"must be {unit}, more than 0, got {text!r}")
    return amount


def reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must say why")
    return text


def surroundings(options: argparse.Namespace, place: Place) -> Traffic:
    """Budget, deadline and recordings of a command, as its options say."""
    from evalkit.calls.traffic import Traffic

    return Traffic.of_build(
        place.folder,
        run_id=place.run_id,
        resume=place.resume,
        max_usd=options.max_usd,
        deadline_s=options.deadline,
        replay=options.replay,
        record=options.record,
        cached=not options.no_cache,
    )


def say(text: str, *, file: TextIO | None = None) -> None:
    """Print text that files had a part in: control sequences and workflow commands stay inert."""
    from evalkit.report.sinks import terminal

    print(terminal(text, limit=MAX_PRINTED, multiline=True), file=file)


def tell(concluded: Concluded) -> int:
    print("\n".join(concluded.summary(color=sys.stdout.isatty())))
    return concluded.exit_code
