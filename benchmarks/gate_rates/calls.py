"""How many questions the judge is spared, counted where they are asked: the page's table of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields

from benchmarks.gate_rates.builds import SEED
from benchmarks.gate_rates.model import Change
from benchmarks.gate_rates.runner import counted

SETTINGS = tuple(
    (cases, regime, Change(rerolled=rerolled, identical=identical))
    for cases in (100, 200)
    for regime, rerolled in (
        ("low", False), ("mid", False), ("low", True), ("mid", True), ("high", True),
    )
    for identical in (0.0, 0.5)
)  # fmt: skip
"""Every row of the table. In the regime `high` each run answers all cases anew."""

PROMISED = {0.0: 0.35, 0.5: 0.60}
"""The share of the judge's calls that unchanged builds save at least, by the share of answers that
are the baseline's."""

LARGEST_SD = 0.3
"""Of the share asked in one build: each look asks 40, 70 or 100 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Some unchanged builds through the engine: the share of cases asked about, and verdicts."""

    cases: int
    regime: str
    rerolled: bool
    identical: float
    builds: int
    asked: float
    failed: float
    passed: float

    @property
    def held(self) -> bool:
        """Whether enough was saved: at most three standard errors short of what is promised."""
        error = LARGEST_SD / self.builds**0.5
        return 1.0 - self.asked >= PROMISED[self.identical] - 3 * error


def measured(setting: tuple[int, str, Change], *, builds: int) -> Calls:
    """Builds of one setting, through the engine."""
    cases, regime, change = setting
    found = counted(cases=cases, builds=builds, regime=regime, change=change, seed=SEED)
    return Calls(
        cases=cases,
        regime=regime,
        rerolled=change.rerolled,
        identical=change.identical,
        builds=found.builds,
        asked=found.asked,
        failed=found.failed,
        passed=found.passed,
    )


def table(rows: Sequence[Calls]) -> str:
    """The table, a line a setting."""
    lines = [
        "| n | noise | answers | known | calls saved | promised | held | FAIL | PASS |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {row.cases} | {row.regime} | {'re-rolled' if row.rerolled else 'stable'} "
            f"| {_percent(row.identical)} "
            f"| {_percent(1.0 - row.asked)} | ≥ {_percent(PROMISED[row.identical])} "
            f"| {'yes' if row.held else '**no**'} | {_percent(row.failed)} "
            f"| {_percent(row.passed)} |"
            for row in rows
        ),
    ]
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def to_csv(rows: Sequence[Calls]) -> str:
    """Every setting, a line each."""
    text = io.StringIO()
    names = [one.name for one in fields(Calls)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return text.getvalue()


def from_csv(text: str) -> list[Calls]:
    """The settings again."""
    return [
        Calls(
            cases=int(row["cases"]),
            regime=row["regime"],
            rerolled=row["rerolled"] == "True",
            builds=int(row["builds"]),
            **{name: float(row[name]) for name in ("identical", "asked", "failed", "passed")},
        )
        for row in csv.DictReader(io.StringIO(text))
    ]
