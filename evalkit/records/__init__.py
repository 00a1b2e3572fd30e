"""The records that cross a stage border: frozen, slotted, checked on construction.

Units stand in names (`latency_s`, `usd`, `input_tokens`). What could not be measured has a name of
its own (`Failure`, `Unscored`); NaN, None and 0 never stand for it.
"""

from __future__ import annotations

from evalkit.records.answers import (
    Answer,
    Chunk,
    Completion,
    Cost,
    Failure,
    GuardrailEvent,
    ModelRequest,
    Passage,
    Trial,
    Usage,
)
from evalkit.records.attribution import Attribution
from evalkit.records.calibration import Calibration, Rated
from evalkit.records.golden import (
    Attack,
    Canary,
    Case,
    Dataset,
    Document,
    Expectation,
    Prompt,
    Secret,
)
from evalkit.records.looks import Looks, Stop
from evalkit.records.replays import Replay
from evalkit.records.runs import Baseline, BaselineCase, Fingerprint, Run, Saved
from evalkit.records.scores import Comparison, Estimate, Judgement, Label, Score, Unscored
from evalkit.records.serving import ServerRecord
from evalkit.records.spending import ANSWERING, Spend, added
from evalkit.records.verdicts import SEVERITY, Check, Decision, Outcome, Verdict, worst

__all__ = [
    "ANSWERING",
    "SEVERITY",
    "Answer",
    "Attack",
    "Attribution",
    "Baseline",
    "BaselineCase",
    "Calibration",
    "Canary",
    "Case",
    "Check",
    "Chunk",
    "Comparison",
    "Completion",
    "Cost",
    "Dataset",
    "Decision",
    "Document",
    "Estimate",
    "Expectation",
    "Failure",
    "Fingerprint",
    "GuardrailEvent",
    "Judgement",
    "Label",
    "Looks",
    "ModelRequest",
    "Outcome",
    "Passage",
    "Prompt",
    "Rated",
    "Replay",
    "Run",
    "Saved",
    "Score",
    "Secret",
    "ServerRecord",
    "Spend",
    "Stop",
    "Trial",
    "Unscored",
    "Usage",
    "Verdict",
    "added",
    "worst",
]
