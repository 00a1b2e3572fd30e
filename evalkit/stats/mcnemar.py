"""McNemar's exact test: whether yes-or-no outcomes changed more often one way than the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy


def p_more_hits(changes: Sequence[int]) -> float:
    """P of at least so many new hits where now and before could as well be swapped; one-sided.

    `changes` are hits now − hits before, one entry a case, or a sum a cluster. Where nothing
    changed between now and before, each entry has either sign with probability ½; p is the chance
    that those entries above 0 sum to at least what they do. With entries of −1, 0 and 1 that is the
    exact McNemar test, P(Binomial(new + lost, ½) ≥ new); with larger ones the exact sign-flip test,
    which holds whatever the cases of a cluster share.

    Source: McNemar, Psychometrika 12 (1947) 153–157; Fisher, The Design of Experiments (1935) §21.
    It does not prove that nothing changed where p is large: of four changes no split has p ≤ 0.05.

    >>> p_more_hits([1, 1, 1, 1, 1, 0, 0])
    0.03125
    """
    sizes = Counter(abs(change) for change in changes if change)
    gained = sum(change for change in changes if change > 0)
    if gained == 0:
        return 1.0
    if len(sizes) == 1:
        ((size, times),) = sizes.items()
        return float(scipy.special.bdtrc(gained // size - 1, times, 0.5))
    chances = np.ones(1)
    for size, times in sizes.items():
        spread = np.zeros(size * times + 1)
        spread[::size] = _halves(times)
        chances = np.convolve(chances, spread)
    return min(1.0, float(chances[gained:].sum()))


def _halves(n: int) -> npt.NDArray[np.float64]:
    """P(Binomial(n, ½) = k) for k = 0 … n."""
    k = np.arange(n + 1)
    below = scipy.special.bdtr(k, n, 0.5)
    # Up to the middle by differences of the lower tail, and mirrored: both ends stay precise.
    half = np.diff(below, prepend=0.0)[: n // 2 + 1]
    return np.concatenate([half, half[: (n + 1) // 2][::-1]])
