"""How gates put numbers into sentences, the same way everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.gates.limits import ALPHA, ROUNDING, SHOWN_CASES
from evalkit.records import Comparison


def count(n: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def percent(share: float, *, beside: float | None = None) -> str:
    """A share as `4.6 %`; small ones keep two significant digits.

    `beside` is a limit it is compared with: it keeps the decimals that tell it from that.
    """
    if share < 0.001:
        return f"{100 * share:.2g} %"
    limit = None if beside is None else 100 * beside
    return f"{100 * share:.{_decimals(100 * share, limit, least=1)}f} %"


def score(value: float, *, beside: float | None = None) -> str:
    """A score or a change of one with three decimals and a true minus: `0.861`, `−0.013`.

    With more where three would show it as the limit `beside` it, which it is not.
    """
    return _minus(f"{value:.{_decimals(value, beside, least=3)}f}")


def increase(ratio: float, *, beside: float | None = None) -> str:
    """A ratio as the change it is: 1.179 as `+17.9 %`; told from the ratio `beside` it."""
    change, limit = 100 * (ratio - 1), None if beside is None else 100 * (beside - 1)
    return _minus(f"{change:+.{_decimals(change, limit, least=1)}f} %")


MOST_DECIMALS = 6


def _decimals(value: float, limit: float | None, *, least: int) -> int:
    """The fewest decimals that show a value on its own side of a limit, where it has one."""
    if limit is None or abs(value - limit) <= 100 * ROUNDING:
        return least
    side = value > limit
    apart = (
        decimals
        for decimals in range(least, MOST_DECIMALS)
        if (shown := round(value, decimals)) != round(limit, MOST_DECIMALS)
        and (shown > limit) == side
    )
    return next(apart, MOST_DECIMALS)


def _minus(number: str) -> str:
    # What rounds to nothing has no sign: neither `−0.000` nor `+0.0 %`.
    shown = number.replace("-", "−")
    return shown if any(digit in number for digit in "123456789") else shown.lstrip("−+")


def p_value(p: float) -> str:
    """`p = 0.0003`, or `p < 0.0001`: further digits carry nothing, but beside α = 0.05."""
    if p < 0.0001:
        return "p < 0.0001"
    shown = (f"{p:.{digits}g}" for digits in range(2, MOST_DECIMALS))
    told = (text for text in shown if (float(text) <= ALPHA) == (p <= ALPHA))
    return f"p = {next(told, repr(p))}"


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many are left."""
    shown = ", ".join(names[:SHOWN_CASES])
    left = len(names) - SHOWN_CASES
    return f"{shown} and {left} more" if left > 0 else shown


def sizes(test: Comparison, noun: str) -> str:
    """`60 paired cases, 58 clusters`; clusters only where cases share one."""
    text = count(test.n_pairs, noun)
    clustered = test.n_clusters < test.n_pairs
    return f"{text}, {count(test.n_clusters, 'cluster')}" if clustered else text
