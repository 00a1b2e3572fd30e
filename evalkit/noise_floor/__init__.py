"""What a project's own noise does to its own gates, measured with nothing changed (A/A)."""

from __future__ import annotations

from evalkit.noise_floor.builds import run_of
from evalkit.noise_floor.floor import BUILDS, EPOCHS, SEED, Floor, measured, noise_floor, saved
from evalkit.noise_floor.words import advice, told

__all__ = [
    "BUILDS",
    "EPOCHS",
    "SEED",
    "Floor",
    "advice",
    "measured",
    "noise_floor",
    "run_of",
    "saved",
    "told",
]
