"""Bounds on a rate with guaranteed coverage at any n, also with 0 events seen.

Source: Clopper & Pearson, Biometrika 26 (1934) 404–413. The bounds hold for independent trials with
one common rate: attacks made from one template are not independent, so the rate they bound is that
of this suite's mix, not of attackers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.stats.distributions import beta_quantile


def rate_upper_bound(events: int, n: int, confidence: float = 0.95) -> float:
    """The one-sided upper bound of the rate after `events` in `n`; 1 − 0.05^(1/n) for none in n.

    >>> round(rate_upper_bound(0, 59), 4)
    0.0495
    """
    _require_counts(events, n)
    return 1.0 if events == n else beta_quantile(confidence, events + 1, n - events)


def rate_lower_bound(events: int, n: int, confidence: float = 0.95) -> float:
    """The one-sided lower bound of the rate after `events` in `n`; 0 for none."""
    _require_counts(events, n)
    return 0.0 if events == 0 else beta_quantile(1.0 - confidence, events, n - events + 1)


def rate_interval(events: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided interval of the rate, equal tails."""
    one_sided = 0.5 + confidence / 2
    return rate_lower_bound(events, n, one_sided), rate_upper_bound(events, n, one_sided)


def trials_needed(events: int, rate: float, confidence: float = 0.95) -> int:
    """The fewest trials of which `events` may be events for the upper bound to be within `rate`.

    >>> trials_needed(0, 0.05), trials_needed(1, 0.05), trials_needed(5, 0.05)
    (59, 93, 208)

    Raises `ValueError` for a rate outside (0, 1).
    """
    if not 0.0 < rate < 1.0:
        raise ValueError(f"a rate to prove lies strictly between 0 and 1, got {rate!r}")
    low, high = events, events + 1
    while rate_upper_bound(events, high, confidence) > rate:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if rate_upper_bound(events, middle, confidence) > rate:
            low = middle
        else:
            high = middle
    return high


def share_lower_bound(shares: Sequence[float], confidence: float = 0.95) -> float:
    """A one-sided lower bound of the mean of independent shares, each anywhere in [0, 1].

    The m below the mean x̄ with n·KL(x̄‖m) = ln(1/α), KL that of two coins. For shares of clusters,
    whose cases are not independent, where Clopper–Pearson would count each case. It is wider than
    Clopper–Pearson's for shares of 0 and 1 alone.

    Source: Hoeffding, J. American Statistical Association 58 (1963) 13–30, Theorem 1. The shares
    need not have one distribution; the bound is then on the mean of their expectations.

    >>> round(share_lower_bound([0.5] * 40), 3)
    0.314

    Raises `ValueError` for no share, and for one outside [0, 1].
    """
    if not shares or not all(0.0 <= share <= 1.0 for share in shares):
        raise ValueError("a bound needs shares, each within [0, 1]")
    mean = min(1.0, math.fsum(shares) / len(shares))
    budget = -math.log1p(-confidence) / len(shares)
    low, high = 0.0, mean
    for _ in range(60):  # beyond what a float can tell apart
        middle = (low + high) / 2
        if _divergence(mean, middle) > budget:
            low = middle
        else:
            high = middle
    return low


def _divergence(x: float, m: float) -> float:
    """KL(x‖m) of two coins, in nats."""
    if m <= 0.0:
        return math.inf if x > 0.0 else 0.0
    heads = x * math.log(x / m) if x > 0.0 else 0.0
    tails = (1.0 - x) * math.log((1.0 - x) / (1.0 - m)) if x < 1.0 else 0.0
    return heads + tails


def _require_counts(events: int, n: int) -> None:
    if not (n >= 1 and 0 <= events <= n):
        raise ValueError(f"a rate needs 0 ≤ events ≤ n and n ≥ 1, got {events} of {n}")
