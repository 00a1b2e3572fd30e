"""`evalkit …`: argument parsing only; every command is a few calls into the modules below."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from evalkit import __version__
from evalkit.errors import BaselineMismatch, EvalkitError

if TYPE_CHECKING:
    from evalkit.calls.traffic import Traffic
    from evalkit.config import Project
    from evalkit.journal import Place
    from evalkit.pipeline import Concluded

EXIT_USAGE, EXIT_NO_BASELINE = 2, 12
EXIT_BROKEN_PIPE = 141
"""As a shell reports a process that SIGPIPE ended."""
MAX_PRINTED = 1_000_000
DEFAULT_REPORT = Path("reports/latest")

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        code = command(options)
        sys.stdout.flush()
    except BaselineMismatch as error:
        _say(f"evalkit: {error}", file=sys.stderr)
        return EXIT_NO_BASELINE
    except EvalkitError as error:
        _say(f"evalkit: {error}", file=sys.stderr)
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

    run = _command(commands, "run", run_command, "measure suites and decide; exit 0 1 2 10 11 12")
    run.add_argument("suites", nargs="*", type=Path, help="suite files or folders (suites/)")
    run.add_argument("--profile", default="offline")
    run.add_argument("--report", type=Path, default=DEFAULT_REPORT)
    run.add_argument("--concurrency", type=_at_least_one, help="cases in flight at once")
    run.add_argument("--resume", action="store_true", help="keep what the journal already holds")
    run.add_argument(
        "--estimate", action="store_true", help="print calls, tokens and dollars; spend nothing"
    )
    _traffic(run)

    regate = _command(commands, "regate", regate_command, "decide saved runs again; calls no model")
    regate.add_argument("runs", nargs="+", type=Path, help="run.json files")
    regate.add_argument("--report", type=Path, default=DEFAULT_REPORT)

    report = _command(commands, "report", report_command, "render saved runs again")
    report.add_argument("runs", nargs="+", type=Path, help="run.json files")
    report.add_argument("--report", type=Path, default=DEFAULT_REPORT)

    export = _command(commands, "export", export_command, "a saved run as CSV or Parquet")
    export.add_argument("run", type=Path)
    export.add_argument("out", type=Path, help="a file ending in .csv or .parquet")

    _baseline(commands)
    _prompts(commands)
    init = _command(commands, "init", init_command, "make a working project in an empty folder")
    init.add_argument("folder", nargs="?", type=Path, default=Path())
    _vllm(commands)
    doctor = _command(commands, "doctor", doctor_command, "check everything a run would need")
    doctor.add_argument("--profile", default="offline")
    return root


def _baseline(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("baseline", help="promote, show or compare baselines")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    promote = _command(verbs, "promote", promote_command, "measure five fresh epochs and keep them")
    promote.add_argument("suites", nargs="*", type=Path)
    promote.add_argument("--because", required=True, type=_reason, help="why; it is committed")
    promote.add_argument("--profile", default="offline")
    promote.add_argument("--concurrency", type=_at_least_one, help="cases in flight at once")
    _traffic(promote)
    show = _command(verbs, "show", show_baseline_command, "a baseline in words and numbers")
    show.add_argument("suite", type=Path)
    show.add_argument("--profile", default="offline")
    diff = _command(
        verbs, "diff", diff_baselines_command, "what changed between two baseline files"
    )
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)


def _prompts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("prompts", help="list, show, compare or release prompts")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    _command(verbs, "list", list_prompts_command, "every prompt and version")
    show = _command(verbs, "show", show_prompt_command, "one version, whole")
    show.add_argument("ref", metavar="NAME@N")
    diff = _command(verbs, "diff", diff_prompts_command, "what changed between two versions")
    diff.add_argument("old", metavar="NAME@N")
    diff.add_argument("new", metavar="NAME@N")
    _command(verbs, "lock", lock_prompts_command, "release new versions: record their digests")


def _vllm(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("vllm", help="measure a model server")
    verbs = group.add_subparsers(required=True, metavar="VERB")
    noise = _command(verbs, "noise", noise_command, "how far a target's model repeats itself (A/A)")
    noise.add_argument("suite", type=Path)
    noise.add_argument("--profile", default="gpu")
    noise.add_argument("--cases", type=_at_least_one, default=20, help="how many of its prompts")
    noise.add_argument("--runs", type=_at_least_one, default=2, help="runs at each concurrency")
    noise.add_argument("--at-once", type=_at_least_one, nargs="+", default=[1, 16], metavar="N")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Command,
    summary: str,
) -> argparse.ArgumentParser:
    sub = commands.add_parser(name, help=summary, description=summary)
    sub.set_defaults(command=command)
    return sub


def _traffic(command: argparse.ArgumentParser) -> None:
    """What surrounds the calls to models outside this process."""
    add = command.add_argument
    add("--max-usd", type=_dollars, help="hard cap for the whole command")
    add("--deadline", type=_seconds, metavar="SECONDS", help="call no model later than this")
    add("--replay", type=Path, metavar="DIR", help="answer model calls from recordings alone")
    add("--record", type=Path, metavar="DIR", help="write the replies of providers there")
    add("--no-cache", action="store_true", help="buy every reply anew")


def _at_least_one(text: str) -> int:
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


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must say why")
    return text


# ── commands ─────────────────────────────────────────────────────────────────────────────────────


def run_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.plan import Effort

    project = load_project(find_root(Path.cwd()))
    paths = assemble.suite_files(options.suites, project=project)
    if options.estimate:
        return _estimate(options, project, paths)
    effort = Effort(concurrency=options.concurrency)
    place = pipeline.fresh_place(options.report, resume=options.resume)
    with _surroundings(options, place) as traffic:
        plans = [
            plan
            for path in paths
            for plan in assemble.plans(
                path, project=project, profile=options.profile, traffic=traffic
            )
        ]
        for plan in plans:
            print(f"{plan.name}: {len(plan.dataset.cases)} cases", file=sys.stderr)
        built = pipeline.run_build(plans, place=place, effort=effort, report=options.report)
    return _tell(built)


def _estimate(options: argparse.Namespace, project: Project, paths: Sequence[Path]) -> int:
    from evalkit import assemble, estimate
    from evalkit.calls.traffic import Traffic

    rehearsing = Traffic(rehearsing=True)
    plans = [
        plan
        for path in paths
        for plan in assemble.plans(
            path, project=project, profile=options.profile, traffic=rehearsing
        )
    ]
    _say(estimate.table(estimate.expected(plans, report=options.report)))
    return 0


def regate_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, codec, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.records import Saved

    project = load_project(find_root(Path.cwd()))
    runs = [codec.load(Saved, path).run for path in options.runs]
    measured = [(assemble.promise_of_run(run, project=project), run) for run in runs]
    return _tell(pipeline.conclude(measured, report=options.report))


def report_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, codec, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.records import Saved

    project = load_project(find_root(Path.cwd()))
    saved = [codec.load(Saved, path) for path in options.runs]
    pairs = [(assemble.promise_of_run(item.run, project=project), item) for item in saved]
    for path in pipeline.render(pairs, report=options.report):
        print(path)
    return 0


def export_command(options: argparse.Namespace) -> int:
    from evalkit.export import export

    export(options.run, options.out)
    print(options.out)
    return 0


def promote_command(options: argparse.Namespace) -> int:
    from evalkit import assemble, pipeline
    from evalkit.config import find_root, load_project
    from evalkit.plan import Effort

    project = load_project(find_root(Path.cwd()))
    effort = Effort(repeats=pipeline.EPOCHS, concurrency=options.concurrency)
    place = pipeline.fresh_place(project.root / ".evalkit" / "promote", resume=False)
    with _surroundings(options, place) as traffic:
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
    _say(baselines.show(baselines.load_baseline(root, options.profile, options.suite.stem)))
    return 0


def diff_baselines_command(options: argparse.Namespace) -> int:
    from evalkit import baselines

    lines = baselines.diff(baselines.read(options.old), baselines.read(options.new))
    _say("\n".join(lines) or "no difference")
    return 0


def list_prompts_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    _say(prompts.listing(find_root(Path.cwd())))
    return 0


def show_prompt_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    _say(prompts.show(find_root(Path.cwd()), options.ref))
    return 0


def diff_prompts_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    _say(prompts.diff(find_root(Path.cwd()), options.old, options.new))
    return 0


def lock_prompts_command(options: argparse.Namespace) -> int:
    from evalkit import prompts
    from evalkit.config import find_root

    for ref in prompts.lock(find_root(Path.cwd())):
        print(f"released {ref}")
    return 0


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


def noise_command(options: argparse.Namespace) -> int:
    from evalkit.config import find_root, load_project
    from evalkit.noise import suite_noise

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
        _say(str(noise))
    return 0


def doctor_command(options: argparse.Namespace) -> int:
    from evalkit import doctor

    findings = doctor.examine(Path.cwd(), profile=options.profile)
    for finding in findings:
        _say(str(finding))
    return 0 if all(finding.ok for finding in findings) else EXIT_USAGE


def _surroundings(options: argparse.Namespace, place: Place) -> Traffic:
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


def _say(text: str, *, file: TextIO | None = None) -> None:
    """Print text that files had a part in: control sequences and workflow commands stay inert."""
    from evalkit.report.sinks import terminal

    print(terminal(text, limit=MAX_PRINTED, multiline=True), file=file)


def _tell(concluded: Concluded) -> int:
    print("\n".join(concluded.summary(color=sys.stdout.isatty())))
    return concluded.exit_code


if __name__ == "__main__":
    sys.exit(main())
