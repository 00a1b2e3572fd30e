"""What the model calls behind a trial or a score took."""

from __future__ import annotations

from dataclasses import dataclass, field

from evalkit.records.answers import Cost, Usage
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
    of any latency.
    """

    case_id: str
    repeat: int
    part: str
    calls: int
    cached_calls: int = 0
    shared_calls: int = 0
    retries: int = 0
    waited_s: float = 0.0
    usage: Usage = field(default_factory=Usage)
    billed: Cost = field(default_factory=Cost)
    cold: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        require(0 <= self.cached_calls <= self.calls, "cached_calls are part of calls")
        require(0 <= self.shared_calls <= self.calls, "shared_calls are part of calls")
        require(self.retries >= 0, "retries must not be negative")
        finite("waited_s", self.waited_s, low=0.0)
