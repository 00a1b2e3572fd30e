"""Student's t and the beta distribution, from SciPy's special functions.

`import scipy` is cheap: SciPy loads `scipy.special` when it is first used, which is when a gate
decides. `scipy.stats` would cost seconds and add nothing here.
"""

from __future__ import annotations

import scipy


def student_t_cdf(t: float, df: int) -> float:
    """P(T ≤ t) of Student's t with `df` degrees of freedom."""
    return float(scipy.special.stdtr(df, t))


def student_t_quantile(probability: float, df: int) -> float:
    """The t with P(T ≤ t) = `probability`, which lies strictly between 0 and 1."""
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a probability lies strictly between 0 and 1, got {probability!r}")
    return float(scipy.special.stdtrit(df, probability))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The x with P(X ≤ x) = `probability` of the beta distribution with parameters `a`, `b`."""
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a probability lies strictly between 0 and 1, got {probability!r}")
    return float(scipy.special.betaincinv(a, b, probability))
