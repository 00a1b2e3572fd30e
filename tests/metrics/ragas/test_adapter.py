from __future__ import annotations

import importlib.util

import pytest

from evalkit.errors import JudgeError
from evalkit.metrics import METRICS
from evalkit.metrics.ragas.adapter import BROKEN_FROM, RELEASE

NAMES = [name for name in METRICS.names() if name.startswith("ragas/")]


def test_the_four_are_there():
    assert NAMES == [
        "ragas/faithfulness", "ragas/answer_relevancy", "ragas/context_precision",
        "ragas/context_recall",
    ]  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("ragas") is not None, reason="ragas is installed")
@pytest.mark.parametrize("name", NAMES)
def test_without_the_package_a_plan_says_what_to_install(name):
    with pytest.raises(ValueError, match=r"needs the package ragas.*evalkit-gate\[ragas\]"):
        METRICS.get(name)()


@pytest.mark.parametrize("name", NAMES)
def test_another_release_is_refused(name, distributions):
    distributions.install("ragas", "0.4.4")
    with pytest.raises(ValueError, match=r"ragas 0\.4\.3 measures, and 0\.4\.4 is installed"):
        METRICS.get(name)()


@pytest.mark.parametrize(
    ("community", "fits"),
    [("0.3.31", True), ("0.4.1", True), ("0.4.2", False), ("0.4.10", False), ("1.0", False)],
)
def test_a_release_that_cannot_be_imported_beside_it_is_found_before_the_import(
    community, fits, distributions
):
    distributions.install("ragas", RELEASE)
    distributions.install("langchain-community", community)
    if fits:
        METRICS.get("ragas/faithfulness")()
        return
    with pytest.raises(ValueError, match=r"beside langchain-community .*evalkit-gate\[ragas\]"):
        METRICS.get("ragas/faithfulness")()
    assert BROKEN_FROM == (0, 4, 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_of_a_plan_has_imported_nothing(name, ragas):
    metric = METRICS.get(name)()
    assert metric.needs_model
    assert metric.name == name
    assert ragas.imported("ragas", "langchain_community") == []


@pytest.mark.parametrize("name", NAMES)
def test_without_a_chat_model_there_is_no_score(name, ragas, case, answer, score):
    """A plan refuses it; this is what is left where somebody calls a metric alone."""
    with pytest.raises(JudgeError, match="chat model"):
        score(METRICS.get(name)(), case(), answer("In Paris.", "In Paris."))
