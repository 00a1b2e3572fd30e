"""The cases whose scores waver most between runs of an unchanged target.

Shown, never left out of a gate by themselves: dropping what wavers would choose the cases that
agree (`research/gating-statistics.md` §1.12).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from evalkit.records import Baseline, Comparison
from evalkit.report.trial_view import Show
from evalkit.stats.paired import RESOLUTION
from evalkit.stats.planning import run_share
from evalkit.stats.shrinkage import shares_of_noise, shrunken_variances

_SHOWN = 5
"""Cases of one metric that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyRow:
    """One case over the baseline's epochs: `sd` is shrunken, `share` is of what its table says."""

    case: str
    anchor: str
    scores: str
    sd: str
    share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyTable:
    """One metric's wavering cases, the largest variance first; `n` waver at all.

    Shares are of the squared standard error that the metric was compared with; without one, of the
    run-to-run noise of all cases.
    """

    metric: str
    rows: tuple[FlakyRow, ...]
    n: int
    of_error: bool
    said: str


def flaky_tables(
    baseline: Baseline | None,
    metrics: Sequence[str],
    *,
    comparisons: Sequence[Comparison] = (),
    repeats: int = 1,
    anchors: Mapping[str, str],
    show: Show,
) -> tuple[FlakyTable, ...]:
    """A table for each of `metrics` that wavers; nothing for one epoch or a frozen target.

    `comparisons` are those with this baseline, of a run of so many `repeats`.
    """
    if baseline is None:
        return ()
    tested = {found.metric: found for found in comparisons if found.kind == "regression"}
    tables = []
    for metric in metrics:
        epochs = {
            case.id: values
            for case in baseline.cases
            for name, values in case.scores
            if name == metric and values
        }
        if any(map(_wavers, epochs.values())):
            variances = shrunken_variances(epochs)
            noise = _noise(variances, tested.get(metric), now=repeats, before=baseline.epochs)
            tables.append(_table(metric, epochs, variances, noise, anchors=anchors, show=show))
    return tuple(tables)


def _wavers(values: Sequence[float]) -> bool:
    return max(values) - min(values) > RESOLUTION


def _noise(
    variances: Mapping[str, float], tested: Comparison | None, *, now: int, before: int
) -> float | None:
    """The share of SE² that is noise between runs; None without an SE to take it of."""
    if tested is None or not tested.standard_error > 0.0:
        return None
    mean = fmean(variances.values())
    return run_share(mean, tested.standard_error, tested.n_pairs, now=now, before=before)


def _table(
    metric: str,
    epochs: Mapping[str, tuple[float, ...]],
    variances: Mapping[str, float],
    noise: float | None,
    *,
    anchors: Mapping[str, str],
    show: Show,
) -> FlakyTable:
    shares = shares_of_noise(variances)
    # The shrunken variance of a steady case is not 0, and yet it is not what to look at.
    wavering = [case for case, values in epochs.items() if _wavers(values)]
    wavering.sort(key=lambda case: (-variances[case], case))
    rows = tuple(
        FlakyRow(
            case=show(case),
            anchor=anchors.get(show(case), ""),
            scores=" ".join(f"{value:.2f}" for value in epochs[case]),
            sd=f"{math.sqrt(variances[case]):.2f}",
            share=f"{100 * shares[case] * (1.0 if noise is None else noise):.1f} %",
        )
        for case in wavering[:_SHOWN]
    )
    said = f"{len(wavering)} of {len(epochs)} cases waver, {rows[0].case} most"
    if noise is not None:
        said += f"; run-to-run noise is {100 * noise:.0f} % of SE²"
    return FlakyTable(
        metric=metric, rows=rows, n=len(wavering), of_error=noise is not None, said=said
    )
