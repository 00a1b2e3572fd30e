"""Run and judge: a suite's cases through the target and the metrics, all at once, journaled."""

from __future__ import annotations

from evalkit.measure.engine import Engine, Measured

__all__ = ["Engine", "Measured"]
