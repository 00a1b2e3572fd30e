"""A metric's docstrings answer what a reader of a report asks; its version is a number in code."""

from __future__ import annotations

import inspect
import re
import sys

import pytest

from evalkit.metrics import METRICS

NEEDED = {
    "range": r"\brange\b|\[0, 1\]",
    "direction": r"\b(higher|lower) is (better|worse)\b|\b(1|0) is (best|worst)\b",
    "when it is Unscored": r"\bUnscored\b",
    "source": r"\bsource\b",
    "example": r"\bexample\b",
}

BUILTIN = sorted(METRICS._builtin)


def documentation(metric: type) -> str:
    module = sys.modules[metric.__module__]
    return f"{module.__doc__ or ''}\n{inspect.getdoc(metric) or ''}"


def unanswered(text: str) -> list[str]:
    return [what for what, pattern in NEEDED.items() if not re.search(pattern, text, re.IGNORECASE)]


@pytest.mark.parametrize("name", BUILTIN)
def test_a_metric_says_what_its_number_means(name):
    assert unanswered(documentation(METRICS.get(name))) == []


@pytest.mark.parametrize("name", BUILTIN)
def test_a_metric_has_a_whole_version_from_one(name):
    version = METRICS.get(name).version
    assert type(version) is int
    assert version >= 1


def test_a_docstring_that_says_less_is_noticed():
    text = "Share of claims supported. Range [0, 1], higher is better. Unscored without claims."
    assert unanswered(text) == ["source", "example"]
