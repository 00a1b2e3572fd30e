"""evalkit's judging beside its peers': the section "Judging" of docs/benchmarks.md.

    python benchmarks/judging/compare.py            # writes the section anew, the rest stays
    PEERS_PYTHON=.venv-peers/bin/python             # where ragas and deepeval are; the default

Every harness is a process of its own against one stub judge; they alternate, so that what else the
machine does hits all of them. About six minutes on two cores.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
HEADING = "## Judging"
OURS = sys.executable
PEERS = os.environ.get("PEERS_PYTHON", str(ROOT / ".venv-peers" / "bin" / "python"))
CASES, CONCURRENCY, LATENCY_MS, CALLS = 200, 64, 50, 6
PEER_DRIVERS = (
    ("RAGAS collections", "with_ragas.py", "collections"),
    ("RAGAS evaluate", "with_ragas.py", "evaluate"),
    ("DeepEval one shared client", "with_deepeval.py", "shared"),
    ("DeepEval default", "with_deepeval.py"),
)

Phase = dict[str, Any]
"""What workload.Phase prints, and `name` beside it."""


@contextmanager
def stub(latency_ms: float) -> Iterator[dict[str, str]]:
    """A stub judge; the environment that its clients need."""
    command = (OURS, str(HERE / "stub_server.py"), "--latency-ms", str(latency_ms))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # ours
        try:
            assert server.stdout is not None
            port = server.stdout.readline().split()[2]
            yield os.environ | {
                "STUB": f"http://127.0.0.1:{port}",
                "LATENCY_MS": str(latency_ms),
                "CONCURRENCY": str(CONCURRENCY),
                "CASES": str(CASES),
                "PYTHONPATH": str(HERE),
            }
        finally:
            server.terminate()


def driven(
    python: str, driver: str, *arguments: str, env: dict[str, str]
) -> list[tuple[Phase, float]]:
    """The phases of a driver, each with the seconds from the start of its process to its end."""
    found = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as errors:
        command = (python, str(HERE / driver), *arguments)
        with subprocess.Popen(  # noqa: S603  # ours
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("RESULT "):
                    phase = json.loads(line.removeprefix("RESULT "))
                    found.append((phase, time.perf_counter() - started))
                    print(f"{phase['name']}: {phase['wall_s']:.2f} s", file=sys.stderr, flush=True)
        errors.seek(0)
        assert process.returncode == 0, errors.read()[-2000:]
    return found


def compared() -> dict[str, list[Phase]]:
    """Every harness on the workload, ours and the bare loop between any two peers."""
    found: dict[str, list[Phase]] = {}
    peers = PEER_DRIVERS if Path(PEERS).exists() else ()
    with stub(LATENCY_MS) as env:
        for name, *driver in [*peers, ("",)]:
            rounds = [
                driven(OURS, "with_evalkit.py", env=env)[-1],
                driven(OURS, "bare.py", str(CALLS * CASES), env=env)[-1],
            ]
            rounds += driven(PEERS, *driver, env=env) if name else []
            for phase, _ in rounds:
                found.setdefault(phase["name"], []).append(phase)
    return found


def cold_starts() -> dict[str, list[float]]:
    """Seconds from the start of a process to its first case scored."""
    found: dict[str, list[float]] = {}
    with stub(LATENCY_MS) as env, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        command = (OURS, str(HERE / "with_evalkit.py"), "project", str(folder))
        subprocess.run(command, env=env, check=True)  # noqa: S603  # ours
        for _ in range(3):
            found.setdefault("`evalkit run`", []).append(first_score(folder, env))
            for name, *driver in PEER_DRIVERS if Path(PEERS).exists() else ():
                if name != "DeepEval default":
                    ((_, seconds),) = driven(PEERS, *driver, "first", env=env)
                    found.setdefault(name, []).append(seconds)
    return found


def first_score(folder: Path, env: dict[str, str]) -> float:
    """Of `evalkit run`, without its reply cache; it is stopped at the first score."""
    shutil.rmtree(folder / "reports", ignore_errors=True)
    shutil.rmtree(folder / ".evalkit", ignore_errors=True)
    command = (str(Path(OURS).with_name("evalkit")), "run", "--profile", "stub")
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  # ours
        command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        journals = folder / "reports" / "latest" / "journal"
        while not any(b'\n{"score"' in path.read_bytes() for path in journals.glob("*.jsonl")):
            assert process.poll() is None, "it ended without a score"
            time.sleep(0.005)
        seconds = time.perf_counter() - started
        process.kill()
    return seconds


def grown(cases: int) -> Phase:
    with stub(LATENCY_MS) as env:
        return driven(OURS, "with_evalkit.py", env=env | {"CASES": str(cases)})[-1][0]


def slow_judge() -> Phase:
    with stub(1000) as env:
        return driven(OURS, "with_evalkit.py", env=env)[-1][0]


# ── the page ─────────────────────────────────────────────────────────────────────────────────────

OPENING = """{heading}

{date}, load average {before:.1f} before and {after:.1f} after on {cores} cores that other work
shares: ratios within a table and CPU seconds travel, wall seconds do not. Measured with

    python benchmarks/judging/compare.py

{cases} cases × faithfulness, answer relevancy, context precision, context recall, answers given;
a stub judge that answers each request after {latency} ms; {concurrency} requests (peers: as their
own setting understands it) at once. The bare loop makes evalkit's number of calls through the same
SDK and transport, on connections opened before, and does nothing with the replies. "Bound" is
calls × latency / {concurrency}. Rows with more than one run show medians.
"""

MEANING = """
What this is not: the stub's replies mean nothing, so no score is compared; prompts and calls a
case differ by harness, so the cost of a case is calls × cost of a call, which the table keeps
apart; against a judge that takes seconds, latency × calls decides and CPU hardly matters. DeepEval
opens a client and a connection a call unless it is handed one, hence two rows. Memory is the
largest resident size of the process. evalkit's rows include opening its connections, its journal
and its reply cache on disk; the answers' part of a run (retrieval, generation) and the report are
not in them.
"""


def median(phases: Sequence[Phase], key: str) -> float:
    return statistics.median(phase[key] for phase in phases)


def table(found: dict[str, list[Phase]]) -> Iterator[str]:
    ours = median(found["evalkit"], "wall_s")
    yield "| harness | runs | calls a case | wall s | ÷ evalkit | bound s | CPU ms a call | MB |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, phases in found.items():
        calls, wall = median(phases, "calls"), median(phases, "wall_s")
        yield (
            f"| {name} | {len(phases)} | {calls / CASES:.1f} | {wall:.2f} | {wall / ours:.2f} "
            f"| {median(phases, 'bound_s'):.2f} | {1e3 * median(phases, 'cpu_s') / calls:.2f} "
            f"| {median(phases, 'peak_mb'):.0f} |"
        )


def cold_table(found: dict[str, list[float]]) -> Iterator[str]:
    yield "\nFrom the start of the process to the first case scored:\n"
    yield "| harness | runs | median s | lowest | highest |\n|---|---|---|---|---|"
    for name, seconds in found.items():
        low, high = min(seconds), max(seconds)
        middle = statistics.median(seconds)
        yield f"| {name} | {len(seconds)} | {middle:.2f} | {low:.2f} | {high:.2f} |"


def growth(small: Phase, large: Phase, slow: Phase) -> Iterator[str]:
    ratio = slow["wall_s"] / slow["bound_s"]
    yield (
        f"\nWith a judge that takes 1 s: {slow['wall_s']:.1f} s for {slow['calls']} calls, "
        f"{ratio:.2f} × the bound of {slow['bound_s']:.1f} s (one run).\n"
    )
    yield "| evalkit, one run each | wall s | cases a second | CPU ms a call | peak MB |"
    yield "|---|---|---|---|---|"
    for phase in (small, large):
        yield (
            f"| {phase['cases']:,} cases | {phase['wall_s']:.1f} "
            f"| {phase['cases'] / phase['wall_s']:.1f} "
            f"| {1e3 * phase['cpu_s'] / phase['calls']:.2f} | {phase['peak_mb']:.0f} |"
        )
    yield (
        f"\n10,000 cases take {large['peak_mb'] / small['peak_mb']:.2f} × the memory of 1,000. "
        "All of a run's records are in memory at its end: answers, passages, verdicts, spending."
    )


def section() -> str:
    """The whole section, measured now."""
    before = os.getloadavg()[0]
    found, cold = compared(), cold_starts()
    slow, small, large = slow_judge(), grown(1_000), grown(10_000)
    opening = OPENING.format(
        heading=HEADING,
        date=datetime.datetime.now(datetime.UTC).date(),
        before=before,
        after=os.getloadavg()[0],
        cores=os.cpu_count(),
        cases=CASES,
        latency=LATENCY_MS,
        concurrency=CONCURRENCY,
    )
    lines = [opening, *table(found), *cold_table(cold), *growth(small, large, slow), MEANING]
    if not Path(PEERS).exists():
        lines.append("ragas and deepeval are not in it: `make test-peers` installs them.\n")
    return "\n".join(lines)


def main() -> int:
    measured = section()
    rest = PAGE.read_text(encoding="utf-8").partition(HEADING)[0].rstrip()
    PAGE.write_text(f"{rest}\n\n{measured}", encoding="utf-8")
    print(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
