"""What the calls behind a run took, target and judge apart: billed, and with a cold cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.records import ANSWERING, Run, Spend, Usage
from evalkit.report import figures

TARGET_PARTS = (ANSWERING, "ingest")
AFTERWARDS = {
    "rejudging": "baseline, judged again",
    "replays": "new breaches, answered again",
    "attribution": "attribution",
}
"""Parts that are neither the target's answers nor their judging, and what they are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingRow:
    """One role's calls. `cold` is the price with an empty reply cache, `billed` what was paid.

    `waited` is empty where no call waited for a limit.
    """

    role: str
    calls: str
    cached: str
    retries: str
    tokens: str
    cold: str
    billed: str
    waited: str


def spending_rows(run: Run) -> tuple[SpendingRow, ...]:
    """A row a role that called models outside the process: target, judge, and what came after."""
    target = [spend for spend in run.spends if spend.part in TARGET_PARTS]
    roles = [("target", target), ("judge", _judging(run))]
    roles += [
        (name, [s for s in run.spends if s.part == part]) for part, name in AFTERWARDS.items()
    ]
    return tuple(_row(role, found) for role, found in roles if found)


def judging_usd(run: Run) -> float:
    """What judging the run costs with a cold cache."""
    return sum(spend.cold.usd for spend in _judging(run))


def _judging(run: Run) -> list[Spend]:
    others = (*TARGET_PARTS, *AFTERWARDS)
    return [spend for spend in run.spends if spend.part not in others]


def _row(role: str, spends: Sequence[Spend]) -> SpendingRow:
    usage = sum((spend.usage for spend in spends), Usage())
    waited_s = sum(spend.waited_s for spend in spends)
    return SpendingRow(
        role=role,
        calls=f"{sum(spend.calls for spend in spends):,}",
        cached=f"{sum(spend.cached_calls for spend in spends):,}",
        retries=f"{sum(spend.retries for spend in spends):,}",
        tokens=f"{usage.input_tokens + usage.output_tokens:,}",
        cold=figures.usd(sum(spend.cold.usd for spend in spends)),
        billed=figures.usd(sum(spend.billed.usd for spend in spends)),
        waited=figures.seconds(waited_s) if waited_s else "",
    )
