"""One-sided tests of a mean, as both regression and floor use them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evalkit.gates.limits import ALPHA, CONFIDENCE, MAX_MISSING, POWER
from evalkit.gates.wording import count, listed, percent
from evalkit.observations import Observation
from evalkit.records import Comparison, Outcome
from evalkit.stats.distributions import student_t_quantile
from evalkit.stats.paired import (
    interval,
    mean_of,
    p_drop,
    sample_mean,
    smallest_detectable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The least evidence a verdict may rest on; clusters count where cases share one."""

    min_cases: int
    min_clusters: int

    def __post_init__(self) -> None:
        for name in ("min_cases", "min_clusters"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be at least 2, got {getattr(self, name)}")

    def shortfall(self, clusters: Sequence[str]) -> str:
        """Why cases with these clusters are too few, or nothing."""
        n, g = len(clusters), len(set(clusters))
        if n < self.min_cases:
            return f"only {count(n, 'case')}, needs {self.min_cases}"
        if g < n and g < self.min_clusters:
            return f"only {count(g, 'cluster')} over {count(n, 'case')}, needs {self.min_clusters}"
        return ""


def can_test(observations: Sequence[Observation]) -> bool:
    """Whether the scored ones among these leave a spread to test against."""
    return len({o.cluster for o in observations if o.scores}) > 1


def compare(
    metric: str,
    kind: Literal["regression", "floor"],
    *,
    now: Sequence[float],
    reference: Sequence[float],
    clusters: Sequence[str],
) -> Comparison:
    """The test that the mean of now − reference, case by case, is below 0.

    Raises `ValueError` where fewer than two cases or clusters leave nothing to test.
    """
    deltas = [after - before for after, before in zip(now, reference, strict=True)]
    sample = sample_mean(deltas, clusters)
    low, high = interval(sample, CONFIDENCE)
    if sample.n_clusters < sample.n:
        method = "cluster-robust (CR1) one-sided t"
    else:
        method = "paired one-sided t" if kind == "regression" else "one-sided t"
    return Comparison(
        metric=metric,
        kind=kind,
        reference=mean_of(reference),
        now=mean_of(now),
        delta=sample.mean,
        low=low,
        high=high,
        standard_error=sample.standard_error,
        df=sample.df,
        p_value=p_drop(sample),
        n_pairs=sample.n,
        n_clusters=sample.n_clusters,
        smallest_detectable=detectable(sample.standard_error, sample.df, tests=1),
        method=method,
    )


def detectable(standard_error: float, df: int, *, tests: int) -> float:
    """The smallest detectable drop at the level each of `tests` is sure to have under Holm."""
    return smallest_detectable(standard_error, df, level=ALPHA / tests, power=POWER)


def bound_below(test: Comparison) -> float:
    """The one-sided lower bound of the change."""
    return test.delta - student_t_quantile(CONFIDENCE, test.df) * test.standard_error


def price_of_family(test: Comparison) -> float:
    """By how much Holm multiplied this test's p-value; what an imputed twin of it must pay too."""
    return max(1.0, test.p_adjusted / test.p_value) if test.p_value > 0.0 else 1.0


def at_price_of(test: Comparison, twin: Comparison) -> Comparison:
    """The twin (the same test on imputed scores), adjusted as the test was."""
    return replace(twin, p_adjusted=min(1.0, twin.p_value * price_of_family(test)))


def outcome_unless_missing_decides(
    tested: Comparison,
    n_missing: int,
    *,
    decide: Callable[[Comparison], Outcome],
    imputed: Callable[[float], Comparison],
) -> tuple[Outcome, str]:
    """The outcome, or ERROR and why where missing scores could change it.

    `imputed` gives the same test with every missing score set to a value. All missing at 0 and all
    at 1 are the worst and the best that can have happened. Source: Manski, American Economic
    Review 80 (1990) 319–323. Departure: Holm's price is that of the observed test.
    """
    outcome = decide(tested)
    if not n_missing:
        return outcome, ""
    as_worst, as_best = (decide(at_price_of(tested, imputed(value))) for value in (0.0, 1.0))
    if outcome == as_worst == as_best:
        return outcome, ""
    return "ERROR", (
        f"the verdict hangs on {count(n_missing, 'missing score')}: {outcome} without, "
        f"{as_worst} if 0, {as_best} if 1"
    )


def cases_to_show(distance: float, test: Comparison, *, level: float = ALPHA) -> int | None:
    """How many cases would show a true difference of `distance`, spread as these are.

    None where the distance is 0: no number of cases settles that.
    """
    if not distance > 0.0:
        return None
    needed = student_t_quantile(1.0 - level, test.df) * test.standard_error / distance
    return max(test.n_pairs + 1, math.ceil(test.n_pairs * needed**2))


def too_many_missing(observations: Sequence[Observation]) -> str:
    """Why so many missing scores allow no verdict, or nothing; NaN-proof: no case is too many."""
    missing = [o.case_id for o in observations if o.n_missing]
    if observations and len(missing) / len(observations) <= MAX_MISSING:
        return ""
    return (
        f"{len(missing)} of {count(len(observations), 'case')} not scored "
        f"({listed(missing)}); at most {percent(MAX_MISSING)} may be missing"
    )
