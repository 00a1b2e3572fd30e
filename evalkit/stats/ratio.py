"""The ratio of two sums over the same cases: how much dearer a run is than its baseline."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import student_t_quantile
from evalkit.stats.paired import sample_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio of sums over `n` cases with its linearised standard error; both have no unit.

    `df` is n − 1 where no two cases share a cluster, else the number of clusters − 1.
    """

    value: float
    standard_error: float
    n: int
    df: int


def ratio_of_sums(
    numerators: Sequence[float],
    denominators: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
) -> Ratio:
    """Σ numerators / Σ denominators, one pair a case, with a linearised standard error.

    e_i = y_i − ρ̂·x_i; SE(ρ̂) = sd(e) / (√n · x̄), on n − 1 degrees of freedom; with `clusters` the
    cluster-robust error of the mean of e/x̄. The ratio of sums is what the bill shows; a mean of
    per-case ratios would let a case that costs nothing dominate.

    Source: Cochran, Sampling Techniques (3rd ed. 1977) §6.4; `research/gating-statistics.md` §1.11
    measured its false alarms at 5–6 % for heavy-tailed costs.

    >>> ratio_of_sums([2.0, 4.0], [1.0, 2.0]).value
    2.0

    Raises `ValueError` for fewer than two pairs or clusters, negative or non-finite values, a
    denominator of 0.
    """
    n = len(numerators)
    if n != len(denominators) or n < 2:
        raise ValueError(f"a ratio needs at least two pairs, got {n} and {len(denominators)}")
    if not all(math.isfinite(v) and v >= 0.0 for v in (*numerators, *denominators)):
        raise ValueError("a ratio of sums needs finite values that are not negative")
    total = math.fsum(denominators)
    if total == 0.0:
        raise ValueError("a ratio over a sum of 0 is undefined")
    value = math.fsum(numerators) / total
    mean = total / n
    residuals = [(y - value * x) / mean for y, x in zip(numerators, denominators, strict=True)]
    sample = sample_mean(residuals, range(n) if clusters is None else clusters)
    return Ratio(value=value, standard_error=sample.standard_error, n=n, df=sample.df)


def ratio_lower_bound(ratio: Ratio, confidence: float = 0.95) -> float:
    """The one-sided lower confidence bound; above 1 it is evidence of an increase.

    It does not prove that the increase is as large as `ratio.value`.
    """
    return ratio.value - student_t_quantile(confidence, ratio.df) * ratio.standard_error
