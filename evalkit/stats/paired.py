"""The mean of cases that may share a cluster, and the one-sided t test on it.

For a paired comparison the values are differences, one a case: now − baseline.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from evalkit.stats.distributions import student_t_cdf, student_t_quantile

RESOLUTION = 1e-12
"""Differences of scores in [0, 1] below this are rounding, not evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMean:
    """A mean over `n` values in `n_clusters` clusters, with what a t test needs.

    `df` is n − 1 when no two values share a cluster, else n_clusters − 1.
    """

    mean: float
    standard_error: float
    df: int
    n: int
    n_clusters: int


def mean_of(values: Sequence[float]) -> float:
    """The mean; equal values give exactly that value, so that equal runs differ by exactly 0."""
    if min(values) == max(values):
        return float(values[0])
    return math.fsum(values) / len(values)


def sample_mean(values: Sequence[float], clusters: Sequence[Hashable]) -> SampleMean:
    """The mean with its cluster-robust (CR3) standard error, in the unit of the values.

    SE² = (G−1)/G · Σ_g (Σ_{i∈g} (x_i − x̄) / (n − n_g))², on G − 1 degrees of freedom: the jackknife
    that leaves out a cluster at a time. With clusters of one size that is the CR1 error, with one
    value a cluster s²/n, the paired t test. `values` and `clusters` run in parallel, one entry a
    case.

    Source: Bell & McCaffrey, Survey Methodology 28 (2002) 169–181; MacKinnon, Nielsen & Webb, J.
    Applied Econometrics 38 (2023) 671–694. Departure from `research/gating-statistics.md` §1.1,
    which has CR1 (Liang & Zeger, Biometrika 73 (1986) 13–22): a cluster that holds most cases pulls
    the mean to itself, so that its residuals nearly cancel and CR1 calls the mean sharp. Departure
    too: where residuals cancel to nothing within every cluster although the values differ, the
    estimate would be an infinitely sharp 0; the independent-cases error is used instead.

    It does not prove anything about cases unlike these, nor that clusters are independent; below
    about ten clusters it is too optimistic, which the caller must refuse, and somewhat so where one
    cluster holds most of the cases.

    >>> sample_mean([0.0, -0.5, -0.25], ["a", "b", "c"]).mean
    -0.25

    Raises `ValueError` for fewer than two values or clusters, and for values that are not finite.
    """
    n = len(values)
    if n != len(clusters):
        raise ValueError(f"{n} values need as many cluster labels, got {len(clusters)}")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a mean needs finite values")
    members: dict[Hashable, list[float]] = defaultdict(list)
    for value, cluster in zip(values, clusters, strict=True):
        members[cluster].append(value)
    g = len(members)
    if n < 2 or g < 2:
        raise ValueError(f"a standard error needs two values in two clusters, got {n} in {g}")
    mean = mean_of(values)
    even = 1.0 - 1.0 / g
    sums = [
        # The factor is exactly 1 where all clusters have one size.
        math.fsum(value - mean for value in group) * (even / (1.0 - len(group) / n))
        for group in members.values()
    ]
    error = math.sqrt(g / (g - 1) * math.fsum(s * s for s in sums)) / n
    if error < RESOLUTION:
        spread = math.fsum((value - mean) ** 2 for value in values)
        error = math.sqrt(spread / (n - 1) / n)
    if error < RESOLUTION:
        error = 0.0
    return SampleMean(mean=mean, standard_error=error, df=g - 1, n=n, n_clusters=g)


def p_drop(sample: SampleMean, reference: float = 0.0) -> float:
    """P(T ≤ t) for H0 "the true mean is at least `reference`": small is evidence of a drop.

    Where all values are the same there is no spread to weigh a difference against: p is 0 for a
    mean below the reference, else 1. That is right for a deterministic target, whose every case
    moved alike, and the only case in which p is exactly 0.

    It does not prove that the drop is large enough to matter, and a large p proves nothing. The t
    statistic is monotone under a shift of all values, not under a change of one: a single much
    worse case can widen the spread more than it lowers the mean.

    Source: Student, Biometrika 6 (1908) 1–25.
    """
    difference = sample.mean - reference
    if sample.standard_error == 0.0:
        return 0.0 if difference < -RESOLUTION else 1.0
    return student_t_cdf(difference / sample.standard_error, sample.df)


def lower_bound(sample: SampleMean, confidence: float = 0.95) -> float:
    """The one-sided lower confidence bound of the mean."""
    return sample.mean - student_t_quantile(confidence, sample.df) * sample.standard_error


def upper_bound(sample: SampleMean, confidence: float = 0.95) -> float:
    """The one-sided upper confidence bound of the mean."""
    return sample.mean + student_t_quantile(confidence, sample.df) * sample.standard_error


def interval(sample: SampleMean, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided confidence interval of the mean, equal tails.

    It does not prove that the true mean lies inside: one interval in twenty misses at 95 %.
    """
    one_sided = 0.5 + confidence / 2
    return lower_bound(sample, one_sided), upper_bound(sample, one_sided)


def smallest_detectable(
    standard_error: float, df: int, *, level: float = 0.05, power: float = 0.80
) -> float:
    """The true drop that a one-sided test at `level` finds with probability `power`, about.

    (t_{1−level} + t_{power}) · SE. Source: Bloom, Evaluation Review 19 (1995) 547–556. It takes the
    standard error as known, so it says what this run could have seen, not what the next one will.
    """
    quantiles = student_t_quantile(power, df) - student_t_quantile(level, df)
    return quantiles * standard_error
