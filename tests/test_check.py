"""`evalkit.check` in a hand-written test: scores, floors, and errors instead of silence."""

from __future__ import annotations

import pytest

from evalkit.check import Checker
from evalkit.errors import ConfigError
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.protocol import Instruments
from evalkit.providers.scripted_embedder import ScriptedEmbedder


@pytest.fixture
def checker():
    judge = ScriptedJudge(supports=lambda c: "supported" if "Paris" in c else "unsupported")
    return Checker(Instruments(judge=judge, embedder=ScriptedEmbedder()))


def ask(checker, answer, metrics, **more):
    return checker.check(
        question="Capital of France?",
        answer=answer,
        contexts=["Paris is."],
        metrics=metrics,
        **more,
    )


def test_a_good_answer_gives_its_scores(checker):
    """Two supported claims of two are 1.0."""
    checked = ask(checker, "Paris is it. Paris it is.", ["faithfulness"])
    assert checked["faithfulness"] == 1.0


def test_a_score_below_its_floor_is_an_assertion_error_that_names_the_claim(checker):
    """One of two supported is 0.5: at the default floor it passes, at 0.6 it does not."""
    answer = "Paris is it. Rome it is."
    assert ask(checker, answer, ["faithfulness"])["faithfulness"] == 0.5
    with pytest.raises(AssertionError, match=r"faithfulness 0\.500 < 0\.600.*Rome it is"):
        ask(checker, answer, {"faithfulness": 0.6})


def test_what_a_metric_needs_must_be_given(checker):
    """context_recall without a reference measures nothing, so it is an error, not a pass."""
    with pytest.raises(ConfigError, match="context_recall needs"):
        ask(checker, "Paris.", ["context_recall"])
    assert ask(checker, "Paris.", ["context_recall"], reference="Paris.")["context_recall"] == 1.0


@pytest.mark.parametrize(
    ("metrics", "says"), [(["faithfullness"], "Did you mean"), ([], "no metric")]
)
def test_no_metric_is_an_error(checker, metrics, says):
    """A typing mistake and an empty list would otherwise check nothing and pass."""
    with pytest.raises(ConfigError, match=says):
        ask(checker, "Paris.", metrics)


def test_an_unscored_metric_is_an_assertion_error(checker):
    """A judge that speaks another language leaves no score behind, and the test red."""
    broken = Checker(
        Instruments(judge=ScriptedJudge(supports="oui"), embedder=checker.instruments.embedder)
    )
    with pytest.raises(AssertionError, match="could not be scored"):
        ask(broken, "Paris is it.", ["faithfulness"])


def test_a_projects_profile_is_the_one_that_judges(project):
    """Its judge calls unsupported what has "wrong" in it."""
    checker = Checker.for_project(project.root, "offline")
    question = {"question": "Capital of France?", "contexts": ["Paris is."]}
    good = checker.check(answer="Paris it is.", metrics=["faithfulness"], **question)
    assert good["faithfulness"] == 1.0
    with pytest.raises(AssertionError, match=r"faithfulness 0\.000 < 0\.500"):
        checker.check(answer="A wrong answer.", metrics=["faithfulness"], **question)


def test_outside_a_project_the_embedded_models_judge(tmp_path):
    """A hand-written test needs no evalkit.toml; another profile than offline does."""
    checker = Checker.for_project(tmp_path, "offline")
    assert checker.instruments.judge.fingerprint.startswith("embedded")
    with pytest.raises(ConfigError, match="`evalkit init` makes one"):
        Checker.for_project(tmp_path, "provider")


def test_a_profile_that_the_project_lacks_is_an_error(project):
    """The embedded models never stand in for what a project configured otherwise."""
    with pytest.raises(ConfigError, match="unknown profile 'gpu'"):
        Checker.for_project(project.root, "gpu")
