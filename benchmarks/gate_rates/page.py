"""The tables of docs/gate-error-rates.md, from the counts of every cell."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import product

from benchmarks.gate_rates.builds import NAIVE, SEED, Cell
from benchmarks.gate_rates.calls import Calls
from benchmarks.gate_rates.calls import table as calls_table
from benchmarks.gate_rates.cells import (
    DROPS,
    FAMILIES,
    LEVEL,
    LOOKED_AT,
    SIZES,
    Finding,
    Tallies,
    all_cells,
)
from benchmarks.gate_rates.model import REGIMES, Change

SETTINGS = tuple(product(REGIMES, (False, True)))
"""The columns of most tables: how noisy, and whether every answer is another one."""

COLUMNS = [f"{regime} {'re-rolled' if rerolled else 'stable'}" for regime, rerolled in SETTINGS]

OPENING = """# Measured error rates of the gates

Made by `make verify-gates`, from [gate-error-rates.csv](gate-error-rates.csv): do not edit. Every
build below is simulated, and decided by `evalkit.gates.decide.decide_build`, the code that decides
real ones. {builds:,} builds a cell, {cells} cells, seed {seed}; each build has cases, a five-epoch
baseline and one candidate epoch of its own. What the rules are, and what they do not prove:
[statistics.md](statistics.md).

**The model.** A case has 3 + Poisson(2) claims, each supported with the case's own probability
(55 % easy cases, 45 % hard ones; mean score 0.865). The judge's score is the share supported plus
noise, clipped to [0, 1]. A *diffuse* drop thins every claim; a *concentrated* one takes 60 % of the
score of a few cases. Of *clustered* cases five share a document, with an intraclass correlation of
0.3. The metrics of a build are independent, which is the hardest case for a rule about all of them.
Code: `benchmarks/gate_rates/`.

| word | means |
|---|---|
| low | each run draws 10 % of the answers anew; judge's noise sd 0.05 |
| mid | 30 %, 0.10 |
| high | all, 0.15 |
| stable | the candidate's answers are the baseline's, but for those drawn anew |
| re-rolled | a harmless edit gives every case another answer of the same expected quality |

The figures hold for scores like these. `evalkit noise` measures the false alarms on your own target
and judge.
"""

PROMISED = """
## What is promised

A promise is broken where a cell is further off than chance explains: a one-sided binomial test at
{level} a cell. `make verify-gates` then exits with 1. At 5 %, {builds:,} builds have a standard
error of {error:.2f} points.
"""

FALSE_ALARMS = """
## False alarms

Of builds in which nothing became worse, those with a FAIL, %. With n = 20, and with 4 documents,
the gates' defaults (`min_cases = 30`, `min_clusters = 10`) make every build INCONCLUSIVE: no false
alarms, and no finds. The rows marked † are of gates with `min_cases = 2` and `min_clusters = 2`, so
that the test itself is seen.
"""

ENDINGS = """
## How unchanged builds end

PASS / INCONCLUSIVE, %. Defaults, cases not clustered. INCONCLUSIVE is the price of a PASS that
means something; `evalkit baseline promote` suggests a margin that few unchanged builds miss.
"""

WORSE = """
## One metric fell

Found (FAIL) / silently passed (PASS), %. The rest is INCONCLUSIVE. One gating metric, or four of
which one fell. † as above.
"""

LOOKS = """
## Judged in looks

FAIL / PASS, and the scores that were judged, %. Looks at 40, 70 and 100 % of the cases; each metric
stops for itself. *half known*: half of the answers are the baseline's to the byte, and their scores
are taken from there; the twenty that an engine judges all the same are not counted in this table.
Drops are concentrated.
"""

CALLS = """
## Judge calls, counted

Unchanged builds, through evalkit's own engine; each question to the judge is counted where it is
asked. *known*: the share of answers that are the baseline's to the byte; the others are new texts,
*re-rolled* after a harmless edit or *stable* in quality. {builds} builds a row; a promise is broken
where more than three standard errors are missing.
"""

RULES = """
## The rules in use elsewhere

On the same draws, the builds that are red, %. One metric, cases not clustered, lowest to highest
over the six columns above. A rule that is red as often on an unchanged build as on one that fell by
0.05 says nothing. *any case < 0.5* is the rule of one assertion a case. † as above.
"""


def page(tallies: Tallies, found: Sequence[Finding], calls: Sequence[Calls]) -> str:
    """The whole page; every cell must have been simulated."""
    builds = min(tally["builds"] for tally in tallies.values())
    error = 100 * (0.05 * 0.95 / builds) ** 0.5
    parts = [
        OPENING.format(builds=builds, cells=len(tallies), seed=SEED),
        PROMISED.format(level=LEVEL, builds=builds, error=error),
        promised(found),
        FALSE_ALARMS,
        _false_alarms(tallies),
        ENDINGS,
        _endings(tallies),
        WORSE,
        _worse(tallies),
        LOOKS,
        _looks(tallies),
        CALLS.format(builds=min(row.builds for row in calls)),
        calls_table(calls),
        RULES,
        _rules(tallies),
    ]
    return "\n".join(parts) + "\n"


def promised(found: Sequence[Finding]) -> str:
    """The table of promises."""
    return _table(
        ["promise", "limit", "worst", "in the cell", "cells", "held"],
        [
            [
                finding.promise.text,
                f"{'≥' if finding.promise.at_least else '≤'} {100 * finding.promise.limit:g} %",
                f"{100 * finding.rate:.1f} %",
                f"`{finding.worst.name}`",
                str(finding.cells),
                "yes" if not finding.broken else f"**no**, {len(finding.broken)} cells",
            ]
            for finding in found
        ],
    )


def _false_alarms(tallies: Tallies) -> str:
    def row(n: int, clustered: bool, metrics: int) -> list[str]:
        cells = [
            Cell(
                n=n, regime=regime, metrics=metrics, clustered=clustered,
                change=Change(rerolled=rerolled),
            )
            for regime, rerolled in SETTINGS
        ]  # fmt: skip
        how = "clustered" if clustered else "independent"
        head = [f"{n}{'†' if cells[0].too_small else ''}", how, str(metrics)]
        return head + [_rate(tallies[cell], _own(cell, "FAIL")) for cell in cells]

    rows = [row(*key) for key in product(SIZES, (False, True), FAMILIES)]
    return _table(["n", "cases", "metrics", *COLUMNS], rows)


def _endings(tallies: Tallies) -> str:
    rows = [
        [str(n), str(metrics)]
        + [
            _pair(tallies[Cell(n=n, regime=regime, metrics=metrics,
                               change=Change(rerolled=rerolled))], "PASS", "INCONCLUSIVE")
            for regime, rerolled in SETTINGS
        ]
        for n, metrics in product(SIZES[1:], FAMILIES)
    ]  # fmt: skip
    return _table(["n", "metrics", *COLUMNS], rows)


def _worse(tallies: Tallies) -> str:
    rows: list[list[str]] = []
    for drop, shape, n in product(DROPS, ("diffuse", "concentrated"), SIZES):
        cells = [
            Cell(n=n, regime=regime, change=Change(rerolled=rerolled, drop=drop, shape=shape))
            for regime, rerolled in SETTINGS
        ]
        head = [f"{drop:.2f} {shape}", f"{n}{'†' if cells[0].too_small else ''}"]
        rows.append(head + [_pair(tallies[c], _own(c, "FAIL"), _own(c, "PASS")) for c in cells])
    for drop, n in product(DROPS, LOOKED_AT):
        line = [f"{drop:.2f} concentrated, one of four", str(n)]
        for regime, rerolled in SETTINGS:
            change = Change(rerolled=rerolled, drop=drop, shape="concentrated")
            tally = tallies.get(Cell(n=n, regime=regime, metrics=4, change=change))
            line.append(_pair(tally, "FAIL", "PASS") if tally else "–")
        rows.append(line)
    return _table(["drop", "n", *COLUMNS], rows)


def _looks(tallies: Tallies) -> str:
    rows: list[list[str]] = []
    changes = [
        ("unchanged, stable", Change()),
        ("unchanged, half known", Change(identical=0.5)),
        ("unchanged, re-rolled", Change(rerolled=True)),
        *(
            (f"drop {drop:.2f}, {'re-rolled' if rerolled else 'stable'}",
             Change(rerolled=rerolled, drop=drop, shape="concentrated"))
            for drop, rerolled in product(DROPS, (False, True))
        ),
    ]  # fmt: skip
    for n, metrics, (what, change) in product(LOOKED_AT, (1, 4), changes):
        cells = [
            Cell(n=n, regime=regime, metrics=metrics, looks=True, change=change)
            for regime in REGIMES
        ]
        if all(cell in tallies for cell in cells):
            shown = [
                f"{_pair(tallies[cell], 'FAIL', 'PASS')}, {judged(cell, tallies[cell]):.0%}"
                for cell in cells
            ]
            rows.append([str(n), str(metrics), what, *(text.replace("%", " %") for text in shown)])
    return _table(["n", "metrics", "candidate", *REGIMES], rows)


def judged(cell: Cell, tally: Counter[str]) -> float:
    """The share of the scores that a judge was asked for."""
    return tally["judged"] / (tally["builds"] * cell.n * cell.metrics)


def _rules(tallies: Tallies) -> str:
    def span(n: int, change: Callable[[bool], Change], key: Callable[[Cell], str]) -> str:
        cells = [Cell(n=n, regime=regime, change=change(r)) for regime, r in SETTINGS]
        rates = [100 * tallies[c][key(c)] / tallies[c]["builds"] for c in cells]
        return f"{_digits(min(rates))}–{_digits(max(rates))}"

    rules: list[tuple[str, Callable[[Cell], str]]] = [
        ("**evalkit: FAIL**", lambda cell: _own(cell, "FAIL")),
        *((rule, lambda _cell, rule=rule: rule) for rule in NAIVE),
    ]
    kinds: list[tuple[str, Callable[[bool], Change]]] = [
        ("unchanged", lambda r: Change(rerolled=r)),
        ("0.05 diffuse", lambda r: Change(rerolled=r, drop=0.05)),
        ("0.05 concentrated", lambda r: Change(rerolled=r, drop=0.05, shape="concentrated")),
    ]
    rows = [
        [rule, what, *(span(n, change, key) for n in SIZES)]
        for rule, key in rules
        for what, change in kinds
    ]
    sizes = [f"n = {n}{'†' if n == SIZES[0] else ''}" for n in SIZES]
    return _table(["rule", "candidate", *sizes], rows)


def _own(cell: Cell, outcome: str) -> str:
    """The count of an outcome; where cases are few, of the gates that decide on any number."""
    return f"small {outcome}" if cell.too_small else outcome


def _rate(tally: Counter[str], key: str) -> str:
    return _digits(100 * tally[key] / tally["builds"])


def _pair(tally: Counter[str], one: str, other: str) -> str:
    return f"{_rate(tally, one)} / {_rate(tally, other)}"


def _digits(percentage: float) -> str:
    """Two digits where they say something: 0, 4.3, 12, 100."""
    return f"{percentage:.1f}" if 0.0 < percentage < 10.0 else f"{percentage:.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# ── the counts themselves ────────────────────────────────────────────────────────────────────────

COUNTED = (
    "builds", "PASS", "INCONCLUSIVE", "FAIL", "ERROR",
    *(f"small {outcome}" for outcome in ("PASS", "INCONCLUSIVE", "FAIL", "ERROR")),
    "judged", *NAIVE,
)  # fmt: skip


def to_csv(tallies: Tallies) -> str:
    """Every cell's counts, a line a cell, in the page's order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cell", *COUNTED])
    for cell in all_cells():
        writer.writerow([cell.name, *(tallies[cell][name] for name in COUNTED)])
    return text.getvalue()


def from_csv(text: str) -> Tallies:
    """The counts again. Raises `KeyError` for a cell that no page has."""
    cells = {cell.name: cell for cell in all_cells()}
    return {
        cells[row.pop("cell")]: Counter({name: int(value) for name, value in row.items()})
        for row in csv.DictReader(io.StringIO(text))
    }
