"""What the model calls behind a trial or a score took."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.answers import NO_COST, NO_USAGE, Cost, Usage
from evalkit.records.invariants import finite, require

ANSWERING = "answer"
"""The `part` of the target's own calls; any other part is the metric that asked the judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """The calls to models outside this process for one part of one trial.

    `calls` counts replies used, `cached_calls` those of them that came from the reply cache, a
    recording or another call in flight, `shared_calls` those that an earlier part of the same trial
    asked too; `retries` counts failed attempts. `usage` and `cold` are what the replies take with a
    cold cache, shared ones where they were asked first; `billed` is what this run paid, failed
    attempts that were charged included. `waited_s` is the time spent on limits and pauses, no part
    of any latency. A run keeps one a part, over all its trials: its `case_id` is empty.
    """

    case_id: str
    repeat: int
    part: str
    calls: int
    cached_calls: int = 0
    shared_calls: int = 0
    retries: int = 0
    waited_s: float = 0.0
    usage: Usage = NO_USAGE
    billed: Cost = NO_COST
    cold: Cost = NO_COST

    def __post_init__(self) -> None:
        require(0 <= self.cached_calls <= self.calls, "cached_calls are part of calls")
        require(0 <= self.shared_calls <= self.calls, "shared_calls are part of calls")
        require(self.retries >= 0, "retries must not be negative")
        finite("waited_s", self.waited_s, low=0.0)


def added(total: Spend | None, spend: Spend) -> Spend:
    """A part's total so far, None at first, and one more; of no single case."""
    before = total or Spend(case_id="", repeat=0, part=spend.part, calls=0)
    return Spend(
        case_id="",
        repeat=0,
        part=spend.part,
        calls=before.calls + spend.calls,
        cached_calls=before.cached_calls + spend.cached_calls,
        shared_calls=before.shared_calls + spend.shared_calls,
        retries=before.retries + spend.retries,
        waited_s=round(before.waited_s + spend.waited_s, 6),
        usage=before.usage + spend.usage,
        billed=_sum(before.billed, spend.billed),
        cold=_sum(before.cold, spend.cold),
    )


PICO = 1_000_000_000_000


def _sum(one: Cost, other: Cost) -> Cost:
    """In whole picodollars: a sum of floats depends on its order, and cases end in any."""
    return Cost(usd=(round(one.usd * PICO) + round(other.usd * PICO)) / PICO)
