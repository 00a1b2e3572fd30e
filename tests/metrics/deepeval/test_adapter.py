from __future__ import annotations

import importlib.util

import pytest

from evalkit.errors import JudgeError
from evalkit.metrics import METRICS
from evalkit.metrics.deepeval.adapter import first_reference, miscounted

OPTIONS = {
    "deepeval/misuse": {"domain": "banking"},
    "deepeval/non_advice": {"advice_types": ("medical",)},
    "deepeval/role_violation": {"role": "a clerk"},
    "deepeval/g_eval": {"criteria": "It is friendly."},
    "deepeval/dag": {
        "nodes": {
            "polite": {"type": "BinaryJudgementNode", "criteria": "?", "children": ["yes", "no"]},
            "yes": {"type": "VerdictNode", "verdict": True, "score": 10},
            "no": {"type": "VerdictNode", "verdict": False, "score": 0},
        }
    },
    "deepeval/prompt_alignment": {"prompt_instructions": ("Be brief.",)},
    "deepeval/json_correctness": {"expected_schema": {"year": "integer"}},
    "deepeval/pattern_match": {"pattern": "[0-9]+"},
}
NAMES = [name for name in METRICS.names() if name.startswith("deepeval/")]
UNJUDGED = {"deepeval/exact_match", "deepeval/pattern_match", "deepeval/json_correctness"}


def made(name):
    return METRICS.get(name)(**OPTIONS.get(name, {}))


@pytest.mark.skipif(importlib.util.find_spec("deepeval") is not None, reason="it is installed")
@pytest.mark.parametrize("name", NAMES)
def test_without_the_package_a_plan_says_what_to_install(name):
    with pytest.raises(ValueError, match=r"needs the package deepeval.*evalkit-gate\[deepeval\]"):
        made(name)


@pytest.mark.parametrize("release", ["4.1.10", "4.3.0", "4.3.2"])
def test_another_release_is_refused(release, distributions):
    """In 4.1 a bias of 1 was the worst there is; in 4.3 it is the best."""
    distributions.install("deepeval", release)
    with pytest.raises(ValueError, match=rf"deepeval 4\.3\.1 measures, and {release}"):
        made("deepeval/bias")


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_of_a_plan_has_imported_nothing(name, deepeval):
    metric = made(name)
    assert metric.name == name
    assert metric.needs_model is (name not in UNJUDGED)
    assert deepeval.imported("deepeval") == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNJUDGED])
def test_without_a_chat_model_there_is_no_score(name, deepeval, case, answer, score):
    """A plan refuses it; this is what is left where somebody calls a metric alone."""
    with pytest.raises(JudgeError, match="chat model"):
        score(made(name), case(), answer("In Paris.", "In Paris."))


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_without_a_word_asks_nothing(name, deepeval, case, answer, score):
    """It holds nothing bad, and nothing good."""
    clean = METRICS.get(name).__module__.endswith("safety")
    assert score(made(name), case(), answer(" ", "In Paris.")).value == float(clean)


@pytest.mark.parametrize("some", [True, False])
def test_verdicts_are_counted_against_what_was_asked(some):
    assert miscounted(2, 2, some=some) == ""
    assert "3 verdicts on 2 units" in miscounted(2, 3, some=some)
    assert bool(miscounted(0, 0, some=some)) is some


def test_the_first_reference_that_says_anything(case):
    assert first_reference(case(references=(" ", "In Paris.", "Paris."))) == "In Paris."
    assert first_reference(case(references=())) == ""
