"""How much each case wavers from run to run, told apart from luck over a few epochs.

Five epochs of one case say little of its variance: a plain ranking shows whichever cases had luck.
Each variance is drawn towards the pooled one by as much as its epochs leave open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evalkit.stats.paired import RESOLUTION, mean_of

KAPPA = 4.0
"""Degrees of freedom that the pooled variance counts for; `research/gating-statistics.md` §1.12."""


def shrunken_variances(
    values_by_case: Mapping[str, Sequence[float]], kappa: float = KAPPA
) -> dict[str, float]:
    """The run-to-run variance of each case, in the square of the values' unit, in the order given.

    ŝ²_i = (ν_i·s²_i + κ·s̄²) / (ν_i + κ), with s²_i over the case's own ν_i + 1 values and s̄² the
    pooled variance Σ ν_i·s²_i / Σ ν_i. A case with one value has the pooled variance.

    Source: the posterior mean under a scaled inverse χ² prior with κ degrees of freedom, as in
    Smyth, Statist. Appl. Genet. Mol. Biol. 3 (2004) art. 3, §3; κ is fixed, not estimated. It does
    not prove that a case at the top wavers more than the next: it ranks, it does not test.

    >>> shrunken_variances({"a": [0.0, 1.0], "b": [0.5, 0.5]})
    {'a': 0.3, 'b': 0.2}

    Raises `ValueError` for a case without values, for values that are not finite, for a κ that is
    negative or not finite, and where no case has two values.
    """
    if not (math.isfinite(kappa) and kappa >= 0.0):
        raise ValueError(f"kappa must be at least 0, got {kappa!r}")
    freedoms = {case_id: len(values) - 1 for case_id, values in values_by_case.items()}
    empty = [case_id for case_id, freedom in freedoms.items() if freedom < 0]
    if empty:
        raise ValueError(f"a variance needs values, {empty[0]} has none")
    total = sum(freedoms.values())
    if not total:
        raise ValueError("a run-to-run variance needs a case with two values")
    squares = {case_id: _squares(values) for case_id, values in values_by_case.items()}
    pooled = math.fsum(squares.values()) / total
    return {
        case_id: (squares[case_id] + kappa * pooled) / (freedom + kappa) if freedom else pooled
        for case_id, freedom in freedoms.items()
    }


def shares_of_noise(variances: Mapping[str, float]) -> dict[str, float]:
    """Each case's share of the run noise in SE², from these variances, in the order given.

    The run part of the squared error of a mean over cases is Σ ŝ²_i · (1/R₁ + 1/R₀) / n², so that
    the share of one case is ŝ²_i / Σ ŝ². Times `planning.run_share` it is the share of the whole
    SE². All are 0 where nothing wavers.

    >>> shares_of_noise({"a": 0.5, "b": 1.5})
    {'a': 0.25, 'b': 0.75}
    """
    total = math.fsum(variances.values())
    if total <= 0.0:
        return dict.fromkeys(variances, 0.0)
    return {case_id: variance / total for case_id, variance in variances.items()}


def _squares(values: Sequence[float]) -> float:
    """Σ (x − x̄)²; rounding is not wavering."""
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a variance needs finite values")
    mean = mean_of(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return squares if squares > RESOLUTION**2 else 0.0
