"""Judges turn text into verdicts on claims, passages and sentences.

The registry holds those that need nothing but the run's embedder. An `LlmJudge` is made of the chat
model that a profile names as its judge, a `PanelJudge` of several judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evalkit.registry import Registry

if TYPE_CHECKING:
    # At run time these would import numpy, and the menu of judges must cost nothing.
    from evalkit.judges.protocol import Judge
    from evalkit.providers.protocol import Embedder


class JudgeFactory(Protocol):
    """Makes a judge of a run; every judge may measure with the run's embedder."""

    def __call__(self, embedder: Embedder, /) -> Judge: ...


JUDGES: Registry[JudgeFactory] = Registry(
    "judge",
    "evalkit.judges",
    {
        "embedded/lexical-cosine": "evalkit.judges.embedded:EmbeddedJudge",
        "scripted": "evalkit.judges.scripted:ScriptedJudge",
    },
)

__all__ = ["JUDGES", "JudgeFactory"]
