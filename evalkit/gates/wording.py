"""How gates put numbers into sentences, the same way everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.gates.limits import SHOWN_CASES
from evalkit.records import Comparison


def count(n: int, noun: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def percent(share: float) -> str:
    """A share as `4.6 %`; small ones keep two significant digits."""
    return f"{share:.1%}".replace("%", " %") if share >= 0.001 else f"{100 * share:.2g} %"


def score(value: float) -> str:
    """A score or a change of one with three decimals and a true minus: `0.861`, `−0.013`."""
    return _minus(f"{value:.3f}")


def increase(ratio: float) -> str:
    """A ratio as the change it is: 1.179 as `+17.9 %`."""
    return _minus(f"{100 * (ratio - 1):+.1f} %")


def _minus(number: str) -> str:
    # What rounds to nothing has no sign: neither `−0.000` nor `+0.0 %`.
    shown = number.replace("-", "−")
    return shown if any(digit in number for digit in "123456789") else shown.lstrip("−+")


def p_value(p: float) -> str:
    """`p = 0.0003`, or `p < 0.0001`: further digits carry nothing."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


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
