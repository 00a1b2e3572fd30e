"""Clopper–Pearson bounds on a rate: guaranteed coverage at any n, also with 0 events seen.

Source: Clopper & Pearson, Biometrika 26 (1934) 404–413. The bounds hold for independent trials with
one common rate: attacks made from one template are not independent, so the rate they bound is that
of this suite's mix, not of attackers.
"""

from __future__ import annotations

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


def _require_counts(events: int, n: int) -> None:
    if not (n >= 1 and 0 <= events <= n):
        raise ValueError(f"a rate needs 0 ≤ events ≤ n and n ≥ 1, got {events} of {n}")
