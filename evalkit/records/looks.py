"""Interim looks: where the judging of a metric ended before every case was judged."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.invariants import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One metric, judged in looks.

    `sizes` are the cases that each planned look holds, the last all that are compared; `look`,
    from 1, is the one at which judging ended. `spared` are the cases that were answered and never
    judged.
    """

    metric: str
    sizes: tuple[int, ...]
    look: int
    spared: tuple[str, ...]

    def __post_init__(self) -> None:
        require(1 <= self.look <= len(self.sizes), f"{self.metric}: no look {self.look}")
        require(list(self.sizes) == sorted(self.sizes), f"{self.metric}: looks must grow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """How a run was judged in looks: the seed of the cases' order, and where each metric stopped.

    `tests` is the size of the build's family when it ran: each test's share of the error rate was
    a part of that.
    """

    seed: str
    tests: int
    stops: tuple[Stop, ...]

    def __post_init__(self) -> None:
        require(self.tests >= 1, "a family has at least one test")
        metrics = [stop.metric for stop in self.stops]
        require(len(metrics) == len(set(metrics)), "a metric stopped twice")

    def stop(self, metric: str) -> Stop | None:
        """Where the metric stopped; None where it was not judged in looks."""
        return next((stop for stop in self.stops if stop.metric == metric), None)
