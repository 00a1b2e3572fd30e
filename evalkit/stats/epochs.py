"""Whether whole epochs differ by more than their cases explain."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import scipy

from evalkit.stats.paired import RESOLUTION, mean_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochShift:
    """How far whole epochs lie apart: the standard deviation of what they share, in score units.

    `p_value` is that of no shift at all.
    """

    sd: float
    p_value: float


def epoch_shift(
    values: Mapping[str, Sequence[float]], clusters: Mapping[str, Hashable]
) -> EpochShift:
    """The shift between epochs from a value an epoch and case; every case has every epoch.

    Two-way analysis of variance without replication, clusters × epochs, on the sums of clusters, so
    that cases which waver together do not pass for a shift:
    F = MS_epochs / MS_residual on R − 1 and (R − 1)(G − 1) degrees of freedom; the variance of the
    shift is (MS_epochs − MS_residual)/G, at least 0, taken from sums of clusters to means of cases.

    Source: Fisher, Statistical Methods for Research Workers (1925) §41; the component of variance
    after Searle, Casella & McCulloch, Variance Components (1992) §4.3. A large p does not prove
    that nothing drifts: few epochs find only large shifts.

    Raises `ValueError` for fewer than two epochs or clusters, and for cases that lack an epoch.
    """
    lengths = {len(of_case) for of_case in values.values()}
    labels = {clusters[case_id] for case_id in values}
    if len(lengths) != 1 or min(lengths) < 2 or len(labels) < 2:
        raise ValueError(
            f"a shift needs two epochs of every case in two clusters, got {sorted(lengths)} epochs "
            f"in {len(labels)} clusters"
        )
    (epochs,) = lengths
    members: dict[Hashable, list[Sequence[float]]] = defaultdict(list)
    for case_id, of_case in values.items():
        members[clusters[case_id]].append(of_case)
    sums = {
        label: [math.fsum(of_epoch) for of_epoch in zip(*cases, strict=True)]
        for label, cases in members.items()
    }
    g, n = len(sums), len(values)
    of_epoch = [mean_of([row[epoch] for row in sums.values()]) for epoch in range(epochs)]
    grand = mean_of(of_epoch)
    between = g * math.fsum((mean - grand) ** 2 for mean in of_epoch) / (epochs - 1)
    squares = math.fsum(
        (value - mean_of(row) - mean + grand) ** 2
        for row in sums.values()
        for value, mean in zip(row, of_epoch, strict=True)
    )
    residual = squares / ((epochs - 1) * (g - 1))
    sd = math.sqrt(max(0.0, between - residual) / g) * g / n
    if residual <= RESOLUTION**2:
        return EpochShift(sd=sd, p_value=1.0 if between <= RESOLUTION else 0.0)
    f = between / residual
    p = float(scipy.special.fdtrc(epochs - 1, (epochs - 1) * (g - 1), f))
    return EpochShift(sd=sd, p_value=p)
