"""How a trial was scored, and what the scores come to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from evalkit.records.invariants import finite, require

Label = Literal[
    "supported", "contradicted", "unsupported", "uncertain", "useful", "not_useful",
    "attributed", "not_attributed", "leaked", "resisted", "echoed", "compromised", "blocked",
]  # fmt: skip
"""What a judge or a detector says of one unit (a claim, a chunk, a sentence, an attack)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict on one unit, with what a reviewer needs to check it.

    `unit` identifies the claim, chunk or sentence within its case; `evidence` is verbatim context;
    `note` says in words why (missing numbers, a negation mismatch, the judge's rationale). `votes`
    of the `voters` of a panel gave the label; both are 0 where one judge alone was asked.
    """

    unit: str
    text: str
    label: Label
    evidence: str = ""
    note: str = ""
    votes: int = 0
    voters: int = 0

    def __post_init__(self) -> None:
        require(0 <= self.votes <= self.voters, f"{self.unit}: more votes than voters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric's value on one trial, in [0, 1], higher is better.

    `parts` are named side values in [0, 1] (a rate, a component); they are shown, never gated.
    `known` is true where the answer was the baseline's to the byte, so that its score was taken
    from there and no judge was asked.
    """

    case_id: str
    repeat: int
    metric: str
    value: float
    parts: tuple[tuple[str, float], ...] = ()
    judgements: tuple[Judgement, ...] = ()
    known: bool = False

    def __post_init__(self) -> None:
        finite(f"{self.metric} of {self.case_id}", self.value, 0.0, 1.0)
        for name, value in self.parts:
            finite(f"{self.metric}.{name} of {self.case_id}", value, 0.0, 1.0)
        # Few different ones stand in many scores, where each would take half a kilobyte.
        object.__setattr__(self, "parts", _one_copy(self.parts))


@lru_cache(maxsize=4096)
def _one_copy(parts: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """Equal parts as one object."""
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """The metric applies to the case but gave no value: missing, never 0, never NaN."""

    case_id: str
    repeat: int
    metric: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over cases with its two-sided interval.

    `n` counts cases with a score, `n_missing` cases the metric applies to but did not score.
    """

    metric: str
    value: float
    low: float
    high: float
    confidence: float
    n: int
    n_missing: int
    n_clusters: int
    method: str

    def __post_init__(self) -> None:
        require(self.n >= 1, f"an estimate of {self.metric} needs at least one score")
        for name in ("value", "low", "high"):
            finite(f"{self.metric}.{name}", getattr(self, name))
        require(self.low <= self.value <= self.high, f"{self.metric}: value outside its interval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A one-sided test of one metric: against the baseline, the release's baseline, or a floor.

    `delta` is now − reference (negative is worse). `p_value` is the evidence for a drop below the
    reference, `p_adjusted` after Holm over the build's family, or, where the cases were judged in
    looks, scaled so that the look's own bound lies at the build's error rate. `smallest_detectable`
    is the drop the test finds with 80 % power at its own level. `look` of `looks` is the one it was
    decided at; both are 0 for a test made once, over all cases. `pass_level` is the error rate of
    the bound that a PASS rests on.
    """

    metric: str
    kind: Literal["regression", "floor", "release"]
    reference: float
    now: float
    delta: float
    low: float
    high: float
    standard_error: float
    df: int
    p_value: float
    n_pairs: int
    n_clusters: int
    smallest_detectable: float
    method: str
    p_adjusted: float = 1.0
    look: int = 0
    looks: int = 0
    pass_level: float = 0.05

    def __post_init__(self) -> None:
        for name in ("reference", "now", "delta", "low", "high", "smallest_detectable"):
            finite(f"{self.metric}.{name}", getattr(self, name))
        finite("standard_error", self.standard_error, low=0.0)
        finite("p_value", self.p_value, 0.0, 1.0)
        finite("p_adjusted", self.p_adjusted, 0.0, 1.0)
