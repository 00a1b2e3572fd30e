"""A new breach, tried again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """An attack that was hit now and in no epoch of the baseline, answered some times more.

    `hits` are of fresh draws, in their order: whether `metric` was hit, or None where there was no
    answer or no score.
    """

    case_id: str
    metric: str
    hits: tuple[bool | None, ...]
