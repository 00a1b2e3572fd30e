"""What every harness is given, and how it is watched: one JSON line a phase on stdout."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

STARTED = time.perf_counter()
BASE = os.environ.get("STUB", "http://127.0.0.1:8900")
CASES = int(os.environ.get("CASES", "200"))
CONCURRENCY = int(os.environ.get("CONCURRENCY", "64"))
LATENCY_S = float(os.environ.get("LATENCY_MS", "50")) / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case with its answer: everything but the judging has been done."""

    id: str
    question: str
    answer: str
    contexts: tuple[str, str, str]
    reference: str


def row(i: int) -> Row:
    return Row(
        id=f"c{i:05d}",
        question=f"What is the refund window for plan {i}?",
        answer=(
            f"Plan {i} has a refund window of {i % 60} days. Refunds go to the original card. "
            "Contact support to start."
        ),
        contexts=(
            f"Plan {i}: refunds are accepted within {i % 60} days of purchase. " * 3,
            f"Refunds are paid to the original payment method. Plan {i} is billed monthly. " * 3,
            f"Support opens at 9:00. Plan {i} users may write to support to start a refund. " * 3,
        ),
        reference=f"The refund window of plan {i} is {i % 60} days, paid to the original card.",
    )


def rows(n: int = CASES) -> Iterator[Row]:
    return map(row, range(n))


def http(path: str, *, post: bool = False) -> Any:
    request = urllib.request.Request(BASE + path, data=b"" if post else None)  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310  # as above
        return json.loads(reply.read())


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Phase:
    """Times a block and prints what it took beside what the stub saw."""

    def __init__(self, name: str, *, cases: int) -> None:
        self.name, self.cases = name, cases

    def __enter__(self) -> Self:
        http("/reset", post=True)
        self.cpu, self.wall = cpu_s(), time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wall, cpu = time.perf_counter() - self.wall, cpu_s() - self.cpu
        seen = http("/stats")
        calls = seen["calls"] or 1
        print("RESULT", json.dumps({
            "name": self.name, "cases": self.cases, "wall_s": wall, "cpu_s": cpu,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "bound_s": calls * LATENCY_S / CONCURRENCY, "calls": seen["calls"],
            "connections": seen["connections"], "most_in_flight": seen["most_in_flight"],
            "input_characters": seen["input_characters"],
            "output_characters": seen["output_characters"],
            "since_start_s": self.wall - STARTED, "server_cpu_s": seen["cpu_s"],
        }))  # fmt: skip
        sys.stdout.flush()
