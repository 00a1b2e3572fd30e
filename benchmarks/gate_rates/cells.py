"""Which settings are simulated, and what evalkit promises in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import scipy.stats

from benchmarks.gate_rates.builds import Cell
from benchmarks.gate_rates.model import REGIMES, Change

SIZES = (20, 50, 100, 200)
LOOKED_AT = (100, 200)
FAMILIES = (1, 4, 12)
DROPS = (0.05, 0.10)
LEVEL = 0.001
"""A promise counts as broken where its cell would come out so badly with a smaller probability than
this although the promise held exactly: its Monte Carlo error, one-sided."""

Tallies = Mapping[Cell, Counter[str]]


def unchanged() -> list[Cell]:
    """Builds in which nothing became worse: each FAIL is a false alarm."""
    return [
        Cell(
            n=n,
            regime=regime,
            metrics=metrics,
            clustered=clustered,
            change=Change(rerolled=rerolled),
        )
        for n, metrics, clustered, regime, rerolled in product(
            SIZES, FAMILIES, (False, True), REGIMES, (False, True)
        )
    ]


def worse() -> list[Cell]:
    """Builds in which one metric fell: each PASS is silent, each FAIL is what the gate is for."""
    alone = [
        Cell(n=n, regime=regime, change=Change(rerolled=rerolled, drop=drop, shape=shape))
        for n, drop, shape, regime, rerolled in product(
            SIZES, DROPS, ("diffuse", "concentrated"), REGIMES, (False, True)
        )
    ]
    among_four = [
        Cell(
            n=n,
            regime=regime,
            metrics=4,
            change=Change(rerolled=True, drop=drop, shape="concentrated"),
        )
        for n, drop, regime in product((100, 200), DROPS, REGIMES)
    ]
    return alone + among_four


def in_looks() -> list[Cell]:
    """The same questions where a build is judged in looks, and where half the answers are known."""
    unchanged_builds = product(
        LOOKED_AT, (1, 4), (Change(), Change(rerolled=True), Change(identical=0.5)), REGIMES
    )
    worse_builds = product(
        LOOKED_AT,
        (1,),
        [
            Change(rerolled=rerolled, drop=drop, shape="concentrated")
            for drop, rerolled in product(DROPS, (False, True))
        ],
        REGIMES,
    )
    return [
        Cell(n=n, regime=regime, metrics=metrics, looks=True, change=change)
        for n, metrics, change, regime in (*unchanged_builds, *worse_builds)
    ]


def all_cells() -> list[Cell]:
    """Every cell of the page."""
    return [*unchanged(), *worse(), *in_looks()]


# ── promises ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """An error rate that must hold in every cell that `about` picks.

    `counted` names what is counted over the builds; the rate may be at most `limit`, or at least
    where `at_least`. `small` asks it of the gates that decide on any number of cases.
    """

    text: str
    about: Callable[[Cell], bool]
    counted: str
    limit: float
    at_least: bool = False
    small: bool = False

    def rate(self, cell: Cell, tally: Counter[str]) -> float:
        """The rate in a cell."""
        return tally[self._key(cell)] / tally["builds"]

    def _key(self, cell: Cell) -> str:
        return f"small {self.counted}" if self.small and cell.too_small else self.counted

    def is_broken(self, cell: Cell, tally: Counter[str]) -> bool:
        """Whether the count is further on the wrong side than chance explains."""
        found, builds = tally[self._key(cell)], tally["builds"]
        if self.at_least:
            chance = scipy.stats.binom.cdf(found, builds, self.limit)
        else:
            chance = scipy.stats.binom.sf(found - 1, builds, self.limit)
        return bool(chance < LEVEL)


def _alone(cell: Cell) -> bool:
    return cell.metrics == 1 and not cell.looks


PROMISES = (
    Promise(
        text="false alarms of a build",
        about=lambda c: not c.change.drop and not c.looks,
        counted="FAIL",
        limit=0.05,
        small=True,
    ),
    Promise(
        text="false alarms of a build judged in looks",
        about=lambda c: not c.change.drop and c.looks,
        counted="FAIL",
        limit=0.05,
    ),
    Promise(
        text="silent PASS at a true drop of 0.05",
        about=lambda c: c.change.drop == 0.05,
        counted="PASS",
        limit=0.21,
    ),
    Promise(
        text="silent PASS at a true drop of 0.10",
        about=lambda c: c.change.drop == 0.10,
        counted="PASS",
        limit=0.025,
    ),
    Promise(
        text="0.05 found: one metric, n = 100, mostly stable answers, diffuse",
        about=lambda c: _alone(c) and c.n == 100 and _stable(c) and _diffuse(c, 0.05),
        counted="FAIL",
        limit=0.80,
        at_least=True,
    ),
    Promise(
        text="0.05 found: one metric, n = 200, re-rolled answers",
        about=lambda c: _alone(c) and c.n == 200 and c.change.rerolled and c.change.drop == 0.05,
        counted="FAIL",
        limit=0.84,
        at_least=True,
    ),
    Promise(
        text="0.10 found: one metric, n = 100, mostly stable answers",
        about=lambda c: _alone(c) and c.n == 100 and _stable(c) and c.change.drop == 0.10,
        counted="FAIL",
        limit=0.99,
        at_least=True,
    ),
    Promise(
        text="0.10 found: one metric, n = 200, any answers",
        about=lambda c: _alone(c) and c.n == 200 and c.change.drop == 0.10,
        counted="FAIL",
        limit=0.99,
        at_least=True,
    ),
)


def _stable(cell: Cell) -> bool:
    """Whether most answers stay what they were: in the regime `high` all are drawn anew anyway."""
    return not cell.change.rerolled and cell.regime in {"low", "mid"}


def _diffuse(cell: Cell, drop: float) -> bool:
    return cell.change.drop == drop and cell.change.shape == "diffuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A promise in the cells that were simulated: its worst, and those that break it."""

    promise: Promise
    cells: int
    worst: Cell
    rate: float
    broken: tuple[Cell, ...]


def findings(tallies: Tallies, promises: Sequence[Promise] = PROMISES) -> list[Finding]:
    """What came of every promise that some simulated cell is about."""
    found: list[Finding] = []
    for promise in promises:
        cells = [cell for cell in tallies if promise.about(cell)]
        if not cells:
            continue
        rates = {cell: promise.rate(cell, tallies[cell]) for cell in cells}
        # Of several that are as bad the first by name, whichever was simulated first.
        cells.sort(key=lambda cell: cell.name)
        worst = (min if promise.at_least else max)(cells, key=rates.__getitem__)
        found.append(
            Finding(
                promise=promise,
                cells=len(cells),
                worst=worst,
                rate=rates[worst],
                broken=tuple(c for c in cells if promise.is_broken(c, tallies[c])),
            )
        )
    return found
