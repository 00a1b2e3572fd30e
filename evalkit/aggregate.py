"""Scores → estimates: a mean over cases with its interval, for every metric and its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.observations import Observation, observe
from evalkit.records import Answer, Estimate, Run
from evalkit.stats.paired import interval, mean_of, sample_mean

CONFIDENCE = 0.95


def estimate(run: Run) -> tuple[Estimate, ...]:
    """The estimates of every metric in the fingerprint's order, each followed by its parts.

    A case counts once, with the mean over its repeats. A metric without a single score has no
    estimate; the coverage gate turns that into an ERROR. The interval is a 95 % t interval over
    cases, cluster-robust where cases share a cluster, clipped to [0, 1]; where one case (or one
    cluster) leaves the spread unknown it is all of [0, 1].
    """
    found: list[Estimate] = []
    for metric, _version in run.fingerprint.metrics:
        observations = observe(run, metric)
        n_missing = sum(o.n_missing > 0 for o in observations)
        by_case = [(o.cluster, o.mean) for o in observations if o.scores]
        if by_case:
            found.append(_estimate(metric, by_case, n_missing))
        for part in sorted({name for o in observations for s in o.scores for name, _ in s.parts}):
            by_case = [(o.cluster, mean_of(v)) for o in observations if (v := _part(o, part))]
            found.append(_estimate(f"{metric}.{part}", by_case, n_missing))
    return tuple(found)


def _part(observation: Observation, part: str) -> tuple[float, ...]:
    return tuple(v for score in observation.scores for name, v in score.parts if name == part)


def _estimate(metric: str, by_case: Sequence[tuple[str, float]], n_missing: int) -> Estimate:
    clusters = [cluster for cluster, _ in by_case]
    values = [value for _, value in by_case]
    n, n_clusters = len(values), len(set(clusters))
    value = mean_of(values)
    low, high, method = 0.0, 1.0, "mean over cases; too few for an interval"
    if n_clusters > 1:
        sample = sample_mean(values, clusters)
        low, high = interval(sample, CONFIDENCE)
        clustered = n_clusters < n
        method = "cluster-robust (CR3) t interval" if clustered else "t interval over cases"
    return Estimate(
        metric=metric,
        value=value,
        low=max(0.0, low),
        high=min(1.0, high),
        confidence=CONFIDENCE,
        n=n,
        n_missing=n_missing,
        n_clusters=n_clusters,
        method=method,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSummary:
    """What the target's answers cost; the judge's calls and failed trials are not in it.

    Per-case figures are means over cases of the mean over repeats, so they do not grow with the
    number of repeats; `usd` is the sum over all answered trials.
    """

    n_answered: int
    n_failed: int
    input_tokens_per_case: float
    output_tokens_per_case: float
    usd_per_case: float
    usd: float
    latency_p50_s: float
    latency_p95_s: float


def summarise(run: Run) -> UsageSummary | None:
    """Tokens, dollars and seconds of the target's answers; None when nothing was answered.

    Percentiles are nearest-rank over trials: always a latency that occurred.
    """
    answers: dict[str, list[Answer]] = {}
    for trial in run.trials:
        if isinstance(trial.outcome, Answer):
            answers.setdefault(trial.case_id, []).append(trial.outcome)
    if not answers:
        return None
    every = [answer for group in answers.values() for answer in group]
    groups = answers.values()
    latencies = sorted(answer.latency_s for answer in every)
    return UsageSummary(
        n_answered=len(every),
        n_failed=len(run.trials) - len(every),
        input_tokens_per_case=mean_of(
            [mean_of([a.usage.input_tokens for a in group]) for group in groups]
        ),
        output_tokens_per_case=mean_of(
            [mean_of([a.usage.output_tokens for a in group]) for group in groups]
        ),
        usd_per_case=mean_of([mean_of([a.cost.usd for a in group]) for group in groups]),
        usd=math.fsum(a.cost.usd for a in every),
        latency_p50_s=_nearest_rank(latencies, 0.50),
        latency_p95_s=_nearest_rank(latencies, 0.95),
    )


def _nearest_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]
