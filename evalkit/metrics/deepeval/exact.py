"""DeepEval's metrics that ask no judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from evalkit.metrics.deepeval.adapter import DeepEval, DeepEvalMetric, first_reference
from evalkit.records import Case

TYPES: Mapping[str, type] = {
    "string": str, "integer": int, "number": float, "boolean": bool, "list": list, "table": dict,
}  # fmt: skip
"""What a key of an expected JSON object may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMatch(DeepEvalMetric):
    """Whether the answer is the reference, to the letter, by DeepEval.

    Range: 0 or 1, higher is better: 1 when they are equal without the space around them.
    Unit: yes or no. No call.
    Unscored: never.
    Source: deepeval 4.3.1, `ExactMatchMetric`. The case's first reference counts.
    Example: "Paris" for "paris" gives 0.
    """

    name: ClassVar[str] = "deepeval/exact_match"
    peer: ClassVar[str] = "ExactMatchMetric"

    def applies_to(self, case: Case) -> bool:
        """Cases with a reference."""
        return first_reference(case) != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMatch(DeepEvalMetric):
    """Whether the whole answer matches a regular expression, by DeepEval.

    Range: 0 or 1, higher is better.
    Unit: yes or no. No call.
    Unscored: never.
    Source: deepeval 4.3.1, `PatternMatchMetric`, by Python's `re.fullmatch`.
    Example: `pattern = "[0-9]{4}"` and the answer "In 1990" give 0.
    """

    name: ClassVar[str] = "deepeval/pattern_match"
    peer: ClassVar[str] = "PatternMatchMetric"
    pattern: str
    ignore_case: bool = False

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            what = f"pattern {self.pattern!r} is no regular expression: {error}"
            raise ValueError(what) from error
        DeepEvalMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonCorrectness(DeepEvalMetric):
    """Whether the answer is a JSON object with the keys of `expected_schema`, by DeepEval.

    Range: 0 or 1, higher is better.
    Unit: yes or no. No call.
    Unscored: never.
    Source: deepeval 4.3.1, `JsonCorrectnessMetric`. Departures: the schema is a table of keys and
    their kinds, where DeepEval takes a pydantic class; every key is required, others may be there.
    Example: `expected_schema = { year = "integer" }` and the answer `{"year": 1990}` give 1.
    """

    name: ClassVar[str] = "deepeval/json_correctness"
    peer: ClassVar[str] = "JsonCorrectnessMetric"
    expected_schema: Mapping[str, Any]

    def __post_init__(self) -> None:
        for key, kind in self.expected_schema.items():
            if not isinstance(kind, str) or kind not in TYPES:
                what = f"expected_schema: {key!r} is {kind!r}; allowed: {', '.join(TYPES)}"
                raise ValueError(what)
        DeepEvalMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True

    def arguments(self, peer: DeepEval) -> dict[str, Any]:
        from pydantic import create_model  # noqa: PLC0415 - it comes with deepeval

        keys: dict[str, Any] = {k: (TYPES[v], ...) for k, v in self.expected_schema.items()}
        return {"expected_schema": create_model("Expected", **keys)}
