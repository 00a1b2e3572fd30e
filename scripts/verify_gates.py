"""How often the gates are wrong: a seeded Monte Carlo through evalkit's own gate code.

    make verify-gates                                        # all of it, and the page in docs/
    python scripts/verify_gates.py --cells n100-mid --builds 400   # a part, to look at

Prints a line a cell as it ends, then what is promised and whether it held; the exit code is 1 where
a promise is broken. Cells that were simulated before with the same code are not simulated again, so
that a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import functools
import gc
import hashlib
import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gate_rates import calls
from benchmarks.gate_rates.builds import Cell, tally
from benchmarks.gate_rates.cells import all_cells, findings
from benchmarks.gate_rates.page import page, promised, to_csv

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "gate-error-rates.md"
COUNTS = PAGE.with_suffix(".csv")
CALLS = PAGE.with_name("gate-judge-calls.csv")
KEPT = ROOT / ".evalkit" / "gate-rates"
BUILDS = 4000
ENGINE_BUILDS = 600
"""Builds through the engine a setting: each takes fifty times as long as one decided alone."""

DECIDES = (
    "evalkit/gates/*.py",
    "evalkit/stats/*.py",
    "evalkit/records/*.py",
    "evalkit/observations.py",
    "benchmarks/gate_rates/model.py",
    "benchmarks/gate_rates/builds.py",
)
"""What the counts depend on: a change in any of these files has all cells simulated again."""


def code_digest() -> str:
    """Identifies the code that draws and decides."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in DECIDES for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def simulate(task: tuple[Cell, int, Path]) -> tuple[Cell, Counter[str], float]:
    """One cell, from its file or anew; with the seconds it took."""
    cell, builds, folder = task
    kept = folder / f"{cell.name}.json"
    if kept.exists():
        return cell, Counter(json.loads(kept.read_text("utf-8"))), 0.0
    started = time.perf_counter()
    gc.disable()  # a third of the time, for records that are in no cycle
    counted = tally(cell, builds=builds)
    gc.enable()
    written = kept.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(counted), encoding="utf-8")
    written.replace(kept)
    return cell, counted, time.perf_counter() - started


def simulated(
    cells: Sequence[Cell], *, builds: int, folder: Path, jobs: int
) -> Iterator[tuple[Cell, Counter[str], float]]:
    """Every cell as it ends; the long ones start first, so that no core waits for the last."""
    folder.mkdir(parents=True, exist_ok=True)
    longest_first = sorted(cells, key=lambda cell: -cell.n * cell.metrics)
    tasks = [(cell, builds, folder) for cell in longest_first]
    if jobs == 1:
        yield from map(simulate, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(simulate, tasks)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", default="", metavar="REGEX", help="only cells of such a name")
    parser.add_argument("--builds", type=int, default=BUILDS, help="simulated builds a cell")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--write", action="store_true", help="write the page in docs/")
    parser.add_argument("--folder", type=Path, default=KEPT, help="where counts are kept")
    options = parser.parse_args(arguments)
    every = all_cells()
    cells = [cell for cell in every if re.search(options.cells, cell.name)]
    if not cells:
        parser.error(f"no cell matches {options.cells!r}; one is {every[0].name}")
    if options.write and len(cells) < len(every):
        parser.error("the page needs every cell: --write goes without --cells")
    folder = options.folder / f"{code_digest()}-{options.builds}"
    tallies: dict[Cell, Counter[str]] = {}
    started = time.perf_counter()
    for cell, counted, took_s in simulated(
        cells, builds=options.builds, folder=folder, jobs=options.jobs
    ):
        tallies[cell] = counted
        ends = ", ".join(f"{name} {n}" for name, n in sorted(counted.items()) if name.isupper())
        print(f"{len(tallies):3}/{len(cells)}  {cell.name}: {ends} ({took_s:.0f} s)", flush=True)
    found = findings(tallies)
    print(f"\n{promised(found)}\n\n{time.perf_counter() - started:.0f} s")
    kept = not any(finding.broken for finding in found)
    if options.write:
        asked = counted_calls(jobs=options.jobs)
        print(f"\n{calls.table(asked)}\n\n{time.perf_counter() - started:.0f} s")
        COUNTS.write_text(to_csv(tallies), encoding="utf-8")
        CALLS.write_text(calls.to_csv(asked), encoding="utf-8")
        PAGE.write_text(page(tallies, found, asked), encoding="utf-8")
        kept &= all(row.held for row in asked)
        print(f"wrote {PAGE.relative_to(ROOT)}, {COUNTS.name} and {CALLS.name}")
    return 0 if kept else 1


def counted_calls(*, jobs: int, builds: int = ENGINE_BUILDS) -> list[calls.Calls]:
    """The judge's calls in builds through the engine, setting by setting."""
    measure = functools.partial(calls.measured, builds=builds)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        return pool.map(measure, calls.SETTINGS, chunksize=1)


if __name__ == "__main__":
    sys.exit(main())
