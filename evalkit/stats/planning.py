"""What a comparison needs: the margin, the cases and the epochs that its noise asks for.

All of it is about paired differences, one a case: now − baseline. `spread` is their standard
deviation, sd(d); with clusters the one that a cluster-robust error stands for, SE·√n.
"""

from __future__ import annotations

import math

import scipy

from evalkit.stats.distributions import student_t_quantile

CONFIDENCE = 0.95
"""Of the bound that a PASS rests on."""

MOST_CASES = 1_000_000
"""Above this no number of cases is named: nobody labels a million."""

MOST_EPOCHS = 3
"""Epochs of a candidate that may be advised; `research/gating-statistics.md` §1.1."""

RUN_SHARE = 0.5
"""The share of SE² from where on epochs help more than cases."""


def advised_margin(
    standard_error: float, df: int, *, metrics: int = 1, passing: float = 0.90
) -> float:
    """The margin at which an unchanged build passes with probability `passing`, in score units.

    A PASS needs δ̂ − t_.95·SE > −Δ. With no true change that happens with probability q where
    Δ = (t_.95 + t_q)·SE. Of `metrics` that must all pass, each has q = passing^(1/metrics). As df
    grows the factor is 2.9 for one metric and 3.6 for four; with SE = sd(d)/√n those are the rules
    of thumb of `research/gating-statistics.md` §1.2, where they were simulated.

    Source: the sample size of a non-inferiority test, Julious, Statistics in Medicine 23 (2004)
    1921–1986, §5, solved for the margin. Departure: the metrics are taken as independent, which is
    the worst case. It does not prove that a drop of Δ would be harmless: that is for people to say.

    >>> round(advised_margin(0.02, 99), 3)
    0.059
    """
    _require_error(standard_error)
    if not (metrics >= 1 and 0.5 <= passing < 1.0):
        raise ValueError(
            f"needs a metric and a probability within [0.5, 1), got {metrics} and {passing!r}"
        )
    each = passing ** (1.0 / metrics)
    factor = student_t_quantile(CONFIDENCE, df) + student_t_quantile(each, df)
    return factor * standard_error


def power(spread: float, n: int, drop: float, *, level: float = 0.05) -> float:
    """The probability that the one-sided paired t over `n` cases finds a true `drop`.

    P(T' > t_{1−level}) of the noncentral t with n − 1 degrees of freedom and noncentrality
    drop·√n / sd(d). Source: Cohen, Statistical Power Analysis (2nd ed. 1988) §2.4. It takes the
    differences as normal, and this sample's spread as the true one.

    Raises `ValueError` for fewer than two cases, no spread, or a level outside (0, 1).
    """
    if not (n >= 2 and math.isfinite(drop) and math.isfinite(spread) and spread > 0.0):
        raise ValueError(
            f"power needs two cases and a spread above 0, got {n} and {spread!r} for {drop!r}"
        )
    critical = student_t_quantile(1.0 - level, n - 1)
    shift = drop * math.sqrt(n) / spread
    found = float(scipy.special.nctdtr(n - 1, shift, critical))
    if math.isnan(found):
        # SciPy's series gives up far out in the tail, where the drop cannot be missed.
        return 1.0 if shift > critical else 0.0
    return min(1.0, max(0.0, 1.0 - found))


def cases_needed(
    spread: float, drop: float, *, level: float = 0.05, at_least: float = 0.80
) -> int | None:
    """The fewest cases with which a true `drop` is found with probability `at_least`.

    2 where the differences have no spread at all; None where more than a million are needed. See
    `power` for the source and for what it takes as given. Clusters: these are cases like those the
    spread was measured on, as many to a cluster.

    Raises `ValueError` for a drop that is not above 0.
    """
    _require_error(spread)
    if not (math.isfinite(drop) and drop > 0.0):
        raise ValueError(f"a drop to be found lies above 0, got {drop!r}")
    if spread == 0.0:
        return 2
    if power(spread, MOST_CASES, drop, level=level) < at_least:
        return None
    low, high = 1, MOST_CASES  # `low` are too few, `high` are enough
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(spread, middle, drop, level=level) >= at_least
        low, high = (low, middle) if enough else (middle, high)
    return high


def run_share(
    run_variance: float, standard_error: float, n: int, *, now: int = 1, before: int = 5
) -> float:
    """The share of SE² that is noise between runs of one and the same build, in [0, 1].

    σ²_run·(1/R₁ + 1/R₀) / n over SE², with the mean over cases of the variance between epochs and
    R₁ = `now`, R₀ = `before` epochs. Source: `research/gating-statistics.md` §1.1, a one-way random
    effects model (Searle, Casella & McCulloch, Variance Components (1992) ch. 3). Between two runs
    of an unchanged build it is all there is; what an edited prompt adds by answering anew counts as
    an effect of the edit, and no number of epochs lessens it.
    """
    _require_error(standard_error)
    if n < 1 or now < 1 or before < 1 or not run_variance >= 0.0:
        raise ValueError(f"needs cases, epochs and a variance, got {n}, {now}, {before}")
    if standard_error == 0.0:
        return 0.0
    return min(1.0, run_variance * (1.0 / now + 1.0 / before) / n / standard_error**2)


def advised_epochs(share: float, *, before: int = 5) -> int:
    """Epochs of a candidate that bring the run noise down to half of SE²; 1 to 3.

    `share` is `run_share` with one epoch. Up to one half it is 1: more cases help more. Where even
    three epochs leave more than half, it is 3; further ones would buy ever less.

    Source: `research/gating-statistics.md` §1.1, and §2.3 for what epochs cannot buy.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share lies within [0, 1], got {share!r}")
    rest = 1.0 - share
    for epochs in range(1, MOST_EPOCHS):
        left = share * (1.0 / epochs + 1.0 / before) / (1.0 + 1.0 / before)
        if left <= RUN_SHARE * (left + rest):
            return epochs
    return MOST_EPOCHS


def _require_error(value: float) -> None:
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"an error or a spread is at least 0, got {value!r}")
