"""How much one metric wavers between epochs of one unchanged build, and what that asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.observations import observe
from evalkit.records import Baseline, Run
from evalkit.stats.epochs import EpochShift, epoch_shift
from evalkit.stats.paired import mean_of, sample_mean, smallest_detectable
from evalkit.stats.planning import MOST_EPOCHS, advised_margin, cases_needed
from evalkit.stats.shrinkage import shares_of_noise, shrunken_variances

EPOCHS_OF_BASELINE = 5

STUDY_SPREADS = (0.18, 0.20)
"""sd(d) with every case answered anew by an edited prompt; `research/gating-statistics.md` §1.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One metric's differences, now − baseline, with nothing changed; all in the score's unit.

    `standard_error` is that of their mean over `n` cases in `n_clusters` clusters, for one epoch
    against a baseline of five. `run_variance` is the mean over cases of the variance between
    epochs, `judge_variance` the part that the judge adds when it is asked twice about one answer;
    None where it was not asked again. `shift` is what whole epochs differ by. `steady` is the share
    of cases scored alike in all epochs. `wavering` are the cases that carry most of the noise, with
    their shares of it.
    """

    metric: str
    n: int
    n_clusters: int
    standard_error: float
    run_variance: float
    shift: EpochShift
    steady: float
    wavering: tuple[tuple[str, float], ...]
    judge_variance: float | None = None

    @property
    def sd(self) -> float:
        """The standard deviation of the difference of one case: SE·√n."""
        return self.standard_error * math.sqrt(self.n)

    @property
    def df(self) -> int:
        """Of the t test on the differences."""
        return self.n_clusters - 1

    @property
    def target_variance(self) -> float:
        """What the target adds to the variance between epochs; all of it for an unasked judge."""
        return max(0.0, self.run_variance - (self.judge_variance or 0.0))

    def detectable(self, *, level: float) -> float:
        """The drop that one epoch more would find with 80 % power."""
        return smallest_detectable(self.standard_error, self.df, level=level)

    def margin(self, *, metrics: int = 1) -> float:
        """The margin at which an unchanged build passes nine times in ten."""
        return advised_margin(self.standard_error, self.df, metrics=metrics)

    def cases_for(self, drop: float, *, level: float) -> int | None:
        """The cases with which a true drop is found four times in five."""
        return cases_needed(self.sd, drop, level=level)

    def epochs_for(self, drop: float, *, level: float) -> int | None:
        """The fewest epochs, up to three, that find the drop with 80 % power; None where none do.

        They lessen only what is measured here. What an edited prompt adds by answering anew stays.
        """
        one = 1.0 + 1.0 / EPOCHS_OF_BASELINE
        for epochs in range(1, MOST_EPOCHS + 1):
            less = math.sqrt((1.0 / epochs + 1.0 / EPOCHS_OF_BASELINE) / one)
            if self.detectable(level=level) * less <= drop:
                return epochs
        return None


def spread(
    metric: str, values: Mapping[str, Sequence[float]], clusters: Mapping[str, str]
) -> Spread | None:
    """The spread of a metric from a value an epoch and case; None where it leaves nothing to test.

    Each epoch in turn is the candidate against the mean of the others: the same differences that a
    gate would test. Their squared errors are averaged and scaled from R − 1 epochs of a baseline to
    five, (1 + 1/5) / (1 + 1/(R − 1)); between epochs of one build all differences are run noise, so
    that the scaling is exact. Cases that lack an epoch are left out.
    """
    epochs = max((len(of_case) for of_case in values.values()), default=0)
    whole = {case_id: of_case for case_id, of_case in values.items() if len(of_case) == epochs}
    labels = [clusters[case_id] for case_id in whole]
    if epochs < 2 or len(set(labels)) < 2:
        return None
    squared = []
    for epoch in range(epochs):
        deltas = [
            of_case[epoch] - mean_of([*of_case[:epoch], *of_case[epoch + 1 :]])
            for of_case in whole.values()
        ]
        squared.append(sample_mean(deltas, labels).standard_error ** 2)
    scale = (1.0 + 1.0 / EPOCHS_OF_BASELINE) / (1.0 + 1.0 / (epochs - 1))
    plain = shrunken_variances(whole, kappa=0.0)
    shares = shares_of_noise(shrunken_variances(whole))
    ranked = sorted((-shares[case_id], case_id) for case_id in whole if plain[case_id] > 0.0)
    return Spread(
        metric=metric,
        n=len(whole),
        n_clusters=len(set(labels)),
        standard_error=math.sqrt(mean_of(squared) * scale),
        run_variance=mean_of(list(plain.values())),
        shift=epoch_shift(whole, clusters),
        steady=sum(variance == 0.0 for variance in plain.values()) / len(whole),
        wavering=tuple((case_id, -share) for share, case_id in ranked[:5]),
    )


def of_run(run: Run, metric: str) -> Spread | None:
    """The spread of a metric over the repeats of a run."""
    observed = observe(run, metric)
    return spread(
        metric,
        {o.case_id: o.values for o in observed if o.values},
        {o.case_id: o.cluster for o in observed},
    )


def of_baseline(baseline: Baseline, metric: str) -> Spread | None:
    """The spread of a metric over the epochs of a baseline."""
    return spread(
        metric,
        {c.id: values for c in baseline.cases for name, values in c.scores if name == metric},
        {c.id: f"cluster {c.cluster}" if c.cluster else f"case {c.id}" for c in baseline.cases},
    )


def judged_twice(found: Spread, pairs: Sequence[tuple[float, float]]) -> Spread:
    """The spread with the judge's part, from scores that it gave twice to the same answers.

    σ²_judge = Σ (a − b)² / 2n: the variance of one of two exchangeable values. Source: Dahlberg,
    Statistical Methods for Medical and Biological Students (1940), ch. 9. It is what judging anew
    changes; what the judge gets wrong alike each time is not in it.
    """
    squares = math.fsum((first - again) ** 2 for first, again in pairs)
    return replace(found, judge_variance=squares / (2 * len(pairs)))
