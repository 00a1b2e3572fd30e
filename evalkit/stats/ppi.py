"""A mean of judged scores, corrected by the cases that people labelled as well."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from evalkit.stats.paired import SampleMean, mean_of, sample_mean


def corrected_mean(
    scores: Sequence[float],
    clusters: Sequence[Hashable],
    differences: Sequence[float],
    *,
    labelled: Sequence[float] = (),
) -> SampleMean:
    """Prediction-powered mean with λ = 1: mean(scores) + mean(human − judged).

    `scores` are the judge's, one a case, with the case's cluster beside it; `differences` are
    human − judged, one an item that both scored. SE² = SE²(scores) + SE²(differences). `df` is the
    smaller of the two, so that few labels widen the interval. `labelled` are the judge's scores of
    the labelled items, in the order of `differences`, given where their cases are among those of
    `scores`: what a judge gives and how far it is off may then move together, and twice that
    covariance / n is added to SE² (never taken off). `n` and `n_clusters` are of `scores`.

    It corrects for a judge that is as lenient on these cases as on the labelled ones, which must be
    a random sample of cases like these: it does not prove that the judge has not changed since. It
    does not correct differences between two runs, in which a constant lenience cancels.

    Source: Angelopoulos et al., "Prediction-powered inference", Science 382 (2023) 669–674, mean
    estimation. Departures: Student's t instead of the normal quantile, and the smaller degrees of
    freedom; λ stays 1, because a λ estimated from 50 labels covers too rarely.

    >>> corrected_mean([0.9, 1.0, 0.8, 0.9], [1, 2, 3, 4], [-0.1, 0.0, -0.2]).mean
    0.8

    Raises `ValueError` for fewer than two values or clusters, values that are not finite, and
    `labelled` of another length.
    """
    judged = sample_mean(scores, clusters)
    correction = sample_mean(differences, range(len(differences)))
    variance = judged.standard_error**2 + correction.standard_error**2
    if labelled:
        variance += 2.0 * max(0.0, _covariance(labelled, differences)) / judged.n
    return SampleMean(
        mean=judged.mean + correction.mean,
        standard_error=math.sqrt(variance),
        df=min(judged.df, correction.df),
        n=judged.n,
        n_clusters=judged.n_clusters,
    )


def _covariance(one: Sequence[float], other: Sequence[float]) -> float:
    """The sample covariance."""
    if len(one) != len(other):
        raise ValueError(f"{len(other)} differences need as many labelled scores, got {len(one)}")
    middles = mean_of(one), mean_of(other)
    products = [(a - middles[0]) * (b - middles[1]) for a, b in zip(one, other, strict=True)]
    return math.fsum(products) / (len(one) - 1)
