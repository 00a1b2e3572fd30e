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
    SampleMean,
    interval,
    mean_of,
    p_drop,
    sample_mean,
    smallest_detectable,
)
from evalkit.stats.planning import MOST_EPOCHS, RUN_SHARE, run_share


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


Kind = Literal["regression", "floor", "release"]


def compare(
    metric: str,
    kind: Kind,
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
    if sample.n_clusters < sample.n:
        method = "cluster-robust (CR3) one-sided t"
    else:
        method = "one-sided t" if kind == "floor" else "paired one-sided t"
    return tested(
        metric, kind, sample, reference=mean_of(reference), now=mean_of(now), method=method
    )


def tested(
    metric: str, kind: Kind, sample: SampleMean, *, reference: float, now: float, method: str
) -> Comparison:
    """The test that a mean of differences is below 0."""
    low, high = interval(sample, CONFIDENCE)
    return Comparison(
        metric=metric,
        kind=kind,
        reference=reference,
        now=now,
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
    """The one-sided lower bound of the change, at the level that a PASS of this test rests on."""
    return test.delta - student_t_quantile(1.0 - test.pass_level, test.df) * test.standard_error


def price_of_family(test: Comparison) -> float:
    """By how much Holm multiplied this test's p-value; what an imputed twin of it must pay too."""
    return max(1.0, test.p_adjusted / test.p_value) if test.p_value > 0.0 else 1.0


def at_price_of(test: Comparison, twin: Comparison) -> Comparison:
    """The twin (the same test on imputed scores), adjusted as the test was, and at its look."""
    return replace(
        twin,
        p_adjusted=min(1.0, twin.p_value * price_of_family(test)),
        look=test.look,
        looks=test.looks,
        pass_level=test.pass_level,
    )


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
    return Goal(distance=distance, level=level).cases(test) if distance > 0.0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """How a case varies between runs of one build: mean variance, and the epochs on both sides."""

    variance: float
    now: int
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A true difference, above 0, that is to be shown at a level, were it what was seen."""

    distance: float
    level: float

    def cases(self, test: Comparison) -> int:
        """How many cases, spread as these are, would show it."""
        needed = student_t_quantile(1.0 - self.level, test.df) * test.standard_error / self.distance
        return max(test.n_pairs + 1, math.ceil(test.n_pairs * needed**2))

    def advice(self, test: Comparison, repeats: Repeats) -> str:
        """What would decide: repeats of each case where most of the noise lies between them.

        Source: `research/gating-statistics.md` §1.1. Repeats lessen only the noise between runs.
        """
        share = run_share(
            repeats.variance,
            test.standard_error,
            test.n_pairs,
            now=repeats.now,
            before=repeats.before,
        )
        if share <= RUN_SHARE or repeats.now >= MOST_EPOCHS:
            return f"; about {self.cases(test)} cases would decide"
        said = f"; {percent(share)} of the noise lies between repeats:"
        for more in range(repeats.now + 1, MOST_EPOCHS + 1):
            left = (1 / more + 1 / repeats.before) / (1 / repeats.now + 1 / repeats.before)
            error = test.standard_error * math.sqrt(1.0 - share * (1.0 - left))
            with_them = replace(test, standard_error=error)
            critical = student_t_quantile(1.0 - self.level, test.df) * error
            if critical < self.distance:
                return f"{said} {more} repeats of each case would decide"
        return f"{said} {MOST_EPOCHS} repeats of about {self.cases(with_them)} cases would decide"


def stopped_early(judged: int, spared: int) -> str:
    """Why a metric that was not judged to the end has no verdict under today's rules."""
    return (
        f"judging stopped early under other rules: {judged} of {count(judged + spared, 'case')} "
        "judged; run it again"
    )


def too_many_missing(observations: Sequence[Observation]) -> str:
    """Why so many missing scores allow no verdict, or nothing; no case at all allows none."""
    if not observations:
        return "the metric applies to no case of the run"
    missing = [o.case_id for o in observations if o.n_missing]
    if len(missing) / len(observations) <= MAX_MISSING:
        return ""
    return (
        f"{len(missing)} of {count(len(observations), 'case')} not scored "
        f"({listed(missing)}); at most {percent(MAX_MISSING)} may be missing"
    )
