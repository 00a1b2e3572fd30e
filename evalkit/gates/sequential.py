"""Metrics judged in looks: when judging may end, and how what was judged decides.

The cases of a metric are judged in a seeded random order. After 40, 70 and 100 % of them each check
is tested against bounds that share out its error rate over the looks; the first bound crossed
decides it. Once all checks on a metric are decided, or one has failed, the rest of its cases is
spared. A saved run is decided by the same walk, look by look, whatever was judged.

Source: `research/gating-statistics.md` §1.3. FAIL: O'Brien–Fleming spending at α/m, with m the
tests of the build, so that no test has more than its even share. PASS: 0.10 spent evenly. Both keep
their rates for an order that has nothing to do with the scores. Where cases share clusters, looks
share more information than their cases say, which errs towards fewer false alarms.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from evalkit.gates.limits import ALPHA, CONFIDENCE, POWER
from evalkit.gates.protocol import Gate, Measurement
from evalkit.gates.wording import count, listed
from evalkit.observations import observe, recorded
from evalkit.records import Comparison, Looks, Outcome, Run, Stop
from evalkit.stats.distributions import student_t_cdf, student_t_quantile
from evalkit.stats.paired import smallest_detectable
from evalkit.stats.sequential import linear_bounds, obrien_fleming_bounds, tail

FRACTIONS = (0.4, 0.7, 1.0)
"""Of the cases, at each look."""

FIRST_CASES = 30
"""Judged before the first look: fewer would not carry a verdict."""

MIN_CASES = 60
"""Below it every case is judged: there would be little left to spare."""

PASS_RATE = 0.10
"""Of builds that are worse by the whole margin, the share that all looks together may pass."""

LEAST_SPREAD = 0.02
"""The standard deviation a look takes for granted: where the first cases all stayed what they were,
a drop that sits in few of the others would pass unseen."""


# ── what the engine asks ─────────────────────────────────────────────────────────────────────────


def looks_of(n: int) -> tuple[int, ...]:
    """How many of `n` cases each look holds, the last all; empty where there is one look."""
    if n < MIN_CASES:
        return ()
    return tuple(max(FIRST_CASES, math.ceil(share * n)) for share in FRACTIONS)


def ordered(seed: str, case_ids: Iterable[str]) -> tuple[str, ...]:
    """The cases in the order they are judged in: by a hash of seed and id, the same everywhere."""
    return _ordered(seed, frozenset(case_ids))


@lru_cache(maxsize=16)  # every check of every metric asks for the order of the same cases
def _ordered(seed: str, case_ids: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(case_ids, key=lambda case_id: (_place(seed, case_id), case_id)))


def _place(seed: str, case_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{case_id}".encode()).digest()


def settled(gates: Sequence[Gate], measurement: Measurement, metric: str) -> bool:
    """Whether judging a metric may end: every check of these gates is decided, or one has failed.

    `gates` are all that decide on the metric; `measurement.run.looks` holds its `Stop` as it would
    be if judging ended now. A metric with a missing score is judged to the end, because a verdict
    must then hold for whatever that score might have been. So is one that no check tests in looks.
    """
    if any(observation.n_missing for observation in observe(measurement.run, metric)):
        return False
    checks = [
        check
        for gate in gates
        for check in gate.decide(measurement, gate.tests(measurement)).checks
    ]
    if not any(check.comparison and check.comparison.look for check in checks):
        return False
    outcomes = {check.outcome for check in checks}
    return "FAIL" in outcomes or outcomes == {"PASS"}


# ── the walk ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A metric that was judged in looks: its cases in order, and how far judging went."""

    stop: Stop
    order: tuple[str, ...]
    tests: int

    def within(self, look: int) -> frozenset[str]:
        """The cases of a look, from 1, and of those before it."""
        return frozenset(self.order[: self.stop.sizes[look - 1]])

    def counts(self, among: Collection[str]) -> tuple[int, ...]:
        """How many cases of `among` each look holds."""
        return tuple(
            len(self.within(look).intersection(among))
            for look in range(1, len(self.stop.sizes) + 1)
        )


def course_of(measurement: Measurement, metric: str) -> Course | None:
    """How the metric was judged in looks; None where it is tested once, on all cases.

    None too in the release lane, and where today's rules would have planned other looks.
    """
    run = measurement.run
    stop = run.looks.stop(metric) if run.looks else None
    if run.looks is None or stop is None or measurement.lane == "release":
        return None
    order = order_of(run, run.looks, stop)
    if stop.sizes != looks_of(len(order)) or disorder(run, run.looks, stop):
        return None
    return Course(stop=stop, order=order, tests=max(1, run.looks.tests, measurement.tests))


def order_of(run: Run, looks: Looks, stop: Stop) -> tuple[str, ...]:
    """The metric's cases, judged and spared, in the order they were to be judged in."""
    return ordered(looks.seed, recorded(run, stop.metric) | set(stop.spared))


def disorder(run: Run, looks: Looks, stop: Stop) -> str:
    """What is wrong with what was spared, or nothing.

    Judging that left out other cases than the last of the order chose them by something else.
    """
    order = order_of(run, looks, stop)
    tail_of_order = order[stop.sizes[stop.look - 1] :]
    judged = recorded(run, stop.metric).intersection(stop.spared)
    if judged:
        return f"{stop.metric} both judged and spared ({listed(sorted(judged))})"
    if len(order) != stop.sizes[-1] or set(tail_of_order) != set(stop.spared):
        return (
            f"{stop.metric} spared {count(len(stop.spared), 'case')} that are not the last of its "
            f"order after look {stop.look} of {len(stop.sizes)}"
        )
    return ""


def walk(
    course: Course,
    *,
    among: Collection[str],
    test: Callable[[Collection[str], bool], Comparison | None],
    decide: Callable[[Comparison], Outcome],
) -> Comparison | None:
    """The test at the look that decides it, or at the last that was judged.

    `among` are the cases the test is about. `test` gives it over some of them, or None where they
    cannot carry it; its second argument says that no look follows. None where there is no test.
    """
    counts = course.counts(among)
    if not all(0 < fewer < more for fewer, more in pairwise(counts)):
        return None
    fractions = tuple(n / counts[-1] for n in counts)
    failing = obrien_fleming_bounds(fractions, ALPHA / course.tests)
    passing = linear_bounds(fractions, PASS_RATE)
    found = None
    for look in range(1, course.stop.look + 1):
        raw = test(course.within(look), look == course.stop.look)
        if raw is not None:
            at = _Bounds(
                look=look, looks=len(counts), fail=failing[look - 1], good=passing[look - 1]
            )
            found = at.applied(raw)
            if decide(found) != "INCONCLUSIVE":
                break
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """One look's bounds, as Z-values."""

    look: int
    looks: int
    fail: float
    good: float

    def applied(self, raw: Comparison) -> Comparison:
        """The test at this look: `p_adjusted` ≤ α exactly where it crosses the look's bound."""
        error = max(raw.standard_error, LEAST_SPREAD / math.sqrt(raw.n_clusters))
        # P(T ≤ t) is Φ of the z-value that t is turned into: p meets the tail beyond the bound.
        p = student_t_cdf(raw.delta / error, raw.df)
        level = tail(self.fail)
        half = student_t_quantile(0.5 + CONFIDENCE / 2, raw.df) * error
        return replace(
            raw,
            low=raw.delta - half,
            high=raw.delta + half,
            standard_error=error,
            p_value=p,
            p_adjusted=min(1.0, ALPHA * p / level),
            smallest_detectable=smallest_detectable(error, raw.df, level=level, power=POWER),
            look=self.look,
            looks=self.looks,
            pass_level=tail(self.good),
        )


# ── in words ─────────────────────────────────────────────────────────────────────────────────────


def at_look(test: Comparison, outcome: Outcome, total: int) -> str:
    """`; decided at look 1 of 3, 50 of 100 cases`, or nothing for a test with one look."""
    if not test.look:
        return ""
    how = "undecided after" if outcome == "INCONCLUSIVE" else "decided at"
    text = f"; {how} look {test.look} of {test.looks}, {test.n_pairs} of {count(total, 'case')}"
    if outcome == "INCONCLUSIVE" and test.look < test.looks:
        text += ": judging stopped, as another check failed or other rules were in force"
    return text
