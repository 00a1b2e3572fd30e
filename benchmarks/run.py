"""What a run costs: seconds, CPU seconds, memory. Writes docs/benchmarks.md.

Run from anywhere: `make bench`. About ten minutes on two shared cores, half of them for the section
on judging, which judging/compare.py adds. Every command runs in a copy of the project, so that
caches are as cold as the table says and nobody's report is replaced.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deciding import measured

ROOT = Path(__file__).parent.parent
DECIDING = ((200, 4), (2000, 8))
"""Cases and metrics of the runs that are decided."""

PAGE = ROOT / "docs" / "benchmarks.md"
JUDGING = ROOT / "benchmarks" / "judging" / "compare.py"
PROJECT = ("pyproject.toml", "suites", "prompts", "datasets", "reports/baselines")
RUN = (str(Path(sys.executable).with_name("evalkit")), "run")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
DECIDED = (0, 1, 10)
"""The gates' verdict is not this file's business, but they must have come to one."""

STARTS, IMPORTS, PAIRS = 5, 9, 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one command took with its children; `peak_mb` is the largest process's."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def used(command: Sequence[str], *, folder: Path, allowed: Sequence[int] = DECIDED) -> Used:
    return _watched(command, folder, allowed, subprocess.Popen.poll)


def _watched(
    command: Sequence[str],
    folder: Path,
    allowed: Sequence[int],
    watch: Callable[[subprocess.Popen[bytes]], object],
) -> Used:
    """Runs a command, `watch` beside it."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)  # noqa: S603  # constants
        watch(process)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        assert process.returncode in allowed, output.read().decode()
    cpu = usage.ru_utime + usage.ru_stime
    return Used(wall_s=wall, cpu_s=cpu, peak_mb=usage.ru_maxrss / 1024)


def first_score(folder: Path) -> Used:
    """From the start of the process to the first score in the journal, where it is stopped."""
    journal = folder / "reports" / "latest" / "journal"
    shutil.rmtree(journal, ignore_errors=True)

    def stop(process: subprocess.Popen[bytes]) -> None:
        while not any(b'\n{"score"' in path.read_bytes() for path in journal.glob("*.jsonl")):
            time.sleep(0.005)
        process.kill()

    return _watched((*RUN, "suites/rag_quality.toml"), folder, (-signal.SIGKILL,), stop)


def import_s() -> float:
    """Seconds that `import evalkit` adds to an interpreter, by its own account."""
    command = (sys.executable, "-X", "importtime", "-c", "import evalkit")
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # constants
    found = re.search(r"\| +(\d+) \| evalkit$", done.stderr, re.MULTILINE)
    assert found, done.stderr
    return int(found.group(1)) / 1e6


def plugin_pairs(folder: Path) -> list[tuple[Used, Used]]:
    """A one-test project without and with the plugin, alternating."""
    (folder / "test_one.py").write_text("def test_one():\n    assert True\n")
    without = (*PYTEST, "-p", "no:evalkit")
    return [
        (used(without, folder=folder, allowed=(0,)), used(PYTEST, folder=folder, allowed=(0,)))
        for _ in range(PAIRS)
    ]


def copied(target: Path) -> Path:
    """A copy of the project without any cache."""
    for name in PROJECT:
        source, copy = ROOT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    return target


# ── the page ─────────────────────────────────────────────────────────────────────────────────────

OPENING = """# What a run costs

{date}, Python {python}, {cores} cores, no GPU, offline profile. The machine is shared with other
work (load average {before:.1f} before, {after:.1f} after): CPU seconds travel better than wall
seconds, and differences within a table better than either. Measured in a copy of this project with

    make bench
"""

COLD = """
Cold means without `.evalkit/cache`; warm means that every text has been embedded before. What is
cold is arithmetic: the four suites embed about 8,700 texts of 497,000 tokens, each once, and a
token takes 21 million multiplications and additions. Two cores that do nothing else share that
work; `.evalkit/cache` may be kept between CI jobs, since it is addressed by content.
"""


DECIDED_IN = """
## Deciding

From the last score to the verdicts: estimates, tests, Holm, and what each verdict says. The runs
are made up (`python -m benchmarks.deciding`), every metric gated against a baseline and a floor.
Loading SciPy's special functions is in it.
"""


def decided_rows() -> list[str]:
    took = [measured(cases, metrics) for cases, metrics in DECIDING]
    return [
        f"| {one.cases:,} × {one.metrics} | {one.seconds:.2f} | {one.peak_mb:.0f} |" for one in took
    ]


def main() -> int:
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        project = copied(Path(scratch) / "project")
        cold, warm = used(RUN, folder=project), used(RUN, folder=project)
        alone = used((*PYTEST, "suites/"), folder=project)
        workers = used((*PYTEST, "-n", "2", "suites/"), folder=project)
        firsts = [first_score(project) for _ in range(STARTS)]
        empty = Path(scratch) / "empty"
        empty.mkdir()
        pairs = plugin_pairs(empty)
    imports = [import_s() for _ in range(IMPORTS)]
    runs = [
        ("`evalkit run`, cold", cold),
        ("`evalkit run`, warm", warm),
        ("`pytest suites/`, warm", alone),
        ("`pytest suites/ -n 2`, warm", workers),
    ]
    start = "start of `evalkit run suites/rag_quality.toml` to the first score, warm"
    share = "what the plugin adds to `pytest` on one test"
    seconds = [
        (f"{start}: wall", [first.wall_s for first in firsts]),
        (f"{start}: CPU", [first.cpu_s for first in firsts]),
        ("`python -X importtime -c 'import evalkit'`", imports),
        ("`pytest -p no:evalkit` on one test: wall", [without.wall_s for without, _ in pairs]),
        (f"{share}: wall, by pairs", [given.wall_s - without.wall_s for without, given in pairs]),
        (f"{share}: CPU, by pairs", [given.cpu_s - without.cpu_s for without, given in pairs]),
    ]
    opening = OPENING.format(
        date=datetime.datetime.now(datetime.UTC).date(),
        python=platform.python_version(),
        cores=os.cpu_count(),
        before=before,
        after=os.getloadavg()[0],
    )
    page = [
        opening,
        "## The four suites\n",
        "| command | wall s | CPU s | largest process, MB |\n|---|---|---|---|",
        *(f"| {name} | {u.wall_s:.1f} | {u.cpu_s:.1f} | {u.peak_mb:.0f} |" for name, u in runs),
        COLD,
        "## Starting\n",
        "| what | n | median ms | lowest | highest |\n|---|---|---|---|---|",
        *(
            f"| {name} | {len(took)} | {1e3 * statistics.median(took):.1f} | {1e3 * min(took):.1f} "
            f"| {1e3 * max(took):.1f} |"
            for name, took in seconds
        ),
        "\nPairs alternate, so that both sides see the same machine.",
        DECIDED_IN,
        "| cases × metrics | wall s | largest process, MB |\n|---|---|---|",
        *decided_rows(),
    ]
    PAGE.write_text("\n".join(page) + "\n", encoding="utf-8")
    judging = (sys.executable, str(JUDGING))  # which adds its section
    subprocess.run(judging, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # constants
    print(PAGE.read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
