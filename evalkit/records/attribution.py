"""Which side of a pipeline moved a metric."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.records.invariants import finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A 2×2 replay over the cases of a failed gate that moved: old and new contexts and generators.

    The four means are of the metric over `cases`: contexts first, then generator (`old_new` is the
    new generator on the old contexts). `why_not` says why nothing could be replayed; the means are
    then all 0 and mean nothing.
    """

    gate: str
    metric: str
    cases: tuple[str, ...] = ()
    old_old: float = 0.0
    old_new: float = 0.0
    new_old: float = 0.0
    new_new: float = 0.0
    why_not: str = ""

    def __post_init__(self) -> None:
        for name in ("old_old", "old_new", "new_old", "new_new"):
            finite(f"{self.gate}.{name}", getattr(self, name), 0.0, 1.0)

    @property
    def retriever(self) -> float:
        """What the new contexts changed, averaged over both generators."""
        return ((self.new_old - self.old_old) + (self.new_new - self.old_new)) / 2

    @property
    def generator(self) -> float:
        """What the new generator (prompt, model, guardrails) changed, averaged over contexts."""
        return ((self.old_new - self.old_old) + (self.new_new - self.new_old)) / 2
