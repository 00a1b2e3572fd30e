"""`[gates.latency]`: how much slower answers may become, and how slow the slowest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from evalkit.baselines import mend
from evalkit.gates.limits import CONFIDENCE, MAX_MISSING, ROUNDING, SHOWN_CASES
from evalkit.gates.protocol import Measurement
from evalkit.gates.spending import Quantity, logged, spending, spent_pairs
from evalkit.gates.verdict import conclude
from evalkit.gates.wording import count, increase, listed, percent
from evalkit.records import Answer, Check, Comparison, Outcome, Run, Verdict
from evalkit.stats.exact import rate_lower_bound
from evalkit.stats.paired import lower_bound, sample_mean, upper_bound

RESOLUTION_S = 0.001
"""Seconds below this are the clock and the scheduler, not the target; less counts as this much."""

SLOW_SHARE = 0.05
"""The share of answers that may be slower than a 95th percentile."""

FIRM_P95 = 200
"""Answers below which a 95th percentile is noise and fails nothing."""

SECONDS = Quantity(
    name="latency",
    of_answer=lambda answer: answer.latency_s,
    of_baseline=lambda case: case.latency_s,
    show=lambda seconds: f"{seconds:.3g} s",
    metered=lambda answer: answer.latency_s,
    meter="seconds",
)
LOG_SECONDS = logged(SECONDS, least=RESOLUTION_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyGate:
    """A rule on seconds an answer: a typical increase over the baseline, and a 95th percentile.

    `max_increase` (0.2: 20 %) is compared with the geometric mean of the cases' ratios. The
    baseline was timed on a machine; on another, or a shared one, the gate measures the machine:
    it is there only where a suite declares it. Outside the Holm family.
    """

    kind: ClassVar[str] = "latency"

    name: str
    max_increase: float | None = 0.20
    max_p95_s: float | None = None

    def __post_init__(self) -> None:
        if self.max_increase is None and self.max_p95_s is None:
            raise ValueError("a latency gate needs max_increase or max_p95_s")
        for name in ("max_increase", "max_p95_s"):
            limit = getattr(self, name)
            if limit is not None and not (math.isfinite(limit) and limit > 0.0):
                raise ValueError(f"{name} must be finite and above 0, got {limit}")

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """None: ratios are outside the family."""
        return ()

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The worst of the checks declared."""
        return conclude(self.name, list(self._checks(measurement)))

    def _checks(self, measurement: Measurement) -> Iterator[Check]:
        if self.max_increase is not None:
            yield check_slower(measurement, self.max_increase)
        if self.max_p95_s is not None:
            yield check_p95(measurement.run, self.max_p95_s)


def check_slower(measurement: Measurement, max_increase: float) -> Check:
    """The typical ratio of seconds, now to before, by a cluster-robust paired t on logarithms.

    FAIL where the ratio exceeds 1 + `max_increase` and its one-sided 95 % lower bound exceeds 1, as
    for costs: what is red is larger than allowed, and it is no chance. PASS only where the upper
    bound is within the limit. An unchanged target then fails in fewer than one build of twenty; one
    that is slower by exactly `max_increase` fails in half of them and passes in one of twenty.
    It does not know whether the target or the machine became slower.
    """
    kind = "latency increase"
    pairs, invalid = spent_pairs(measurement, LOG_SECONDS)
    problem = _untimed_before(measurement) or invalid or _untimed(measurement.run)
    if problem:
        return Check(kind=kind, outcome="ERROR", reason=problem)
    clusters = [pair.cluster for pair in pairs]
    if len(set(clusters)) < 2:
        reason = f"{count(len(pairs), 'paired case')} of one cluster cannot show an increase"
        return Check(kind=kind, outcome="INCONCLUSIVE", reason=reason)
    sample = sample_mean([pair.now - pair.before for pair in pairs], clusters)
    low, value, high = (
        math.exp(log)
        for log in (lower_bound(sample, CONFIDENCE), sample.mean, upper_bound(sample, CONFIDENCE))
    )
    limit = 1.0 + max_increase
    outcome: Outcome = "INCONCLUSIVE"
    if value > limit + ROUNDING and low > 1.0:
        outcome = "FAIL"
    elif high <= limit + ROUNDING:
        outcome = "PASS"
    n_clusters = sample.n_clusters
    grouped = f", {count(n_clusters, 'cluster')}" if n_clusters < sample.n else ""
    reason = (
        f"typically {increase(value, beside=limit)} (at least {increase(low, beside=1.0)}, "
        f"at most {increase(high, beside=limit)}, 95 % each, {count(sample.n, 'paired case')}"
        f"{grouped}); allowed {increase(limit)}"
    )
    slower = sorted((pair.before - pair.now, pair.case_id) for pair in pairs)
    cases = tuple(case_id for less, case_id in slower if less < 0.0)[:SHOWN_CASES]
    return Check(kind=kind, outcome=outcome, reason=reason, cases=cases, ratio=value)


def _untimed_before(measurement: Measurement) -> str:
    """Why the baseline has no seconds to compare with, and what mends it, or nothing."""
    baseline = measurement.baseline
    if baseline is None or any(s > 0.0 for case in baseline.cases for s in case.latency_s):
        return ""
    made = measurement.run.fingerprint
    command = mend(made.suite.partition("@")[0], made.profile)
    return f"the baseline has no seconds; promote a new one: {command}"


def _untimed(run: Run) -> str:
    """Why the run's seconds are not all there, or nothing.

    Beside answers that took their time, one of exactly 0 s was not timed. Where none took any, the
    clock may be too coarse for the target.
    """
    taken = [
        (trial.outcome.latency_s, trial.case_id)
        for trial in run.trials
        if isinstance(trial.outcome, Answer)
    ]
    untimed = list(dict.fromkeys(case_id for seconds, case_id in taken if seconds == 0.0))
    slowest = max((seconds for seconds, _ in taken), default=0.0)
    if slowest < RESOLUTION_S or len(untimed) / len(run.cases) <= MAX_MISSING:
        return ""
    return (
        f"{len(untimed)} of {count(len(run.cases), 'case')} with an answer that has no seconds "
        f"({listed(untimed)}); at most {percent(MAX_MISSING)} may be missing"
    )


def check_p95(run: Run, max_p95_s: float) -> Check:
    """At most one answer of twenty may take longer than `max_p95_s`.

    PASS where that is so; FAIL where the share of slower ones is above 5 % by the exact one-sided
    95 % bound, from 200 answers up; else INCONCLUSIVE. Answers are taken as independent; those of
    one overloaded minute are not.
    """
    kind = "latency p95"
    invalid = spending(run, SECONDS).why_invalid or _untimed(run)
    if invalid:
        return Check(kind=kind, outcome="ERROR", reason=invalid)
    taken = [
        (trial.outcome.latency_s, trial.case_id)
        for trial in run.trials
        if isinstance(trial.outcome, Answer)
    ]
    slow = sorted((-seconds, case_id) for seconds, case_id in taken if not seconds <= max_p95_s)
    share = len(slow) / len(taken)
    text = f"{len(slow)} of {count(len(taken), 'answer')} slower than {SECONDS.show(max_p95_s)}"
    if share <= SLOW_SHARE:
        return Check(kind=kind, outcome="PASS", reason=f"{text}, at most 1 in 20 may be")
    outcome: Outcome = "INCONCLUSIVE"
    if len(taken) < FIRM_P95:
        text += f", more than 1 in 20; advisory below {FIRM_P95} answers"
    elif rate_lower_bound(len(slow), len(taken), CONFIDENCE) > SLOW_SHARE:
        outcome, text = "FAIL", f"{text}, at most 1 in 20 may be"
    else:
        text += ", not surely more than 1 in 20"
    cases = tuple(dict.fromkeys(case_id for _, case_id in slow))[:SHOWN_CASES]
    return Check(kind=kind, outcome=outcome, reason=text, cases=cases)
