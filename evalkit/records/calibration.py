"""What people's labels say of a judge."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.invariants import finite, require


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """One labelled answer with scores on both sides: the people's and the judge's, in [0, 1]."""

    id: str
    human: float
    judged: float

    def __post_init__(self) -> None:
        finite(f"human score of {self.id}", self.human, 0.0, 1.0)
        finite(f"judge's score of {self.id}", self.judged, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A judge against human labels on one labelled set: counts, no text.

    Positive is "supported". `unanswered` are items that the judge gave no verdict on. `metric` is
    the one the judge was asked for; of others these counts say nothing. `suite` names the suite of
    this project that the labelled answers were taken from, if any; `ratings` then hold both scores
    of each, for levels corrected by them. `judge` is the judge's fingerprint.
    """

    schema_version: int
    evalkit_version: str
    made_at: str
    judge: str
    labels: str
    labels_digest: str
    unit: str
    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int
    unanswered: int = 0
    suite: str = ""
    metric: str = ""
    ratings: tuple[Rated, ...] = ()

    def __post_init__(self) -> None:
        for name in ("true_positives", "false_negatives", "true_negatives", "false_positives",
                     "unanswered"):  # fmt: skip
            require(getattr(self, name) >= 0, f"{name} must not be negative")

    @property
    def n(self) -> int:
        """Items that the judge answered for."""
        return (
            self.true_positives + self.false_negatives + self.true_negatives + self.false_positives
        )
