"""A run from recordings: the same scores with no server there, and never green on a miss."""

from __future__ import annotations

import pytest

from evalkit import prompts
from evalkit.calls.recording import Recorder, Replay
from tests.integration.bees import ANSWERED, JUDGED, SCORES, TEXTS, bees, said

KEY = "planted-secret-0123456789"


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """The project after a run that was recorded, its servers gone and its cache deleted."""
    monkeypatch.setenv("A_KEY", KEY)
    monkeypatch.delenv("GITHUB_EVENT_NAME", raising=False)  # a fork may not record
    with bees(tmp_path) as project:
        ended = project.ended(record=Recorder(tmp_path / "rec"), cached=False)
        assert (ended.scores, project.requests) == (SCORES, ANSWERED + JUDGED)
    monkeypatch.delenv("A_KEY")
    return project, ended


def replayed(project):
    return project.ended(replay=Replay(project.root / "rec"))


def test_the_same_scores_with_no_server_no_key_and_no_bill(recorded):
    """Down to the decision; what it would have cost is known all the same."""
    project, ended = recorded
    again = replayed(project)
    assert (again.scores, again.decision) == (SCORES, ended.decision)
    assert project.requests == ANSWERED + JUDGED, "as many as before"
    assert sum(spend.billed.usd for spend in again.run.spends) == 0.0
    cold = [sum(spend.cold.usd for spend in one.run.spends) for one in (ended, again)]
    assert cold[0] == pytest.approx(cold[1]) != 0.0


def test_another_prompt_is_a_miss_and_no_gate_is_green(recorded):
    """The target's recordings are of ask@1; what ask@2 would be told nobody knows."""
    project, _ = recorded
    first = project.root / "prompts/ask/v1.md"
    text = first.read_text().replace("Answer the question", "Answer it")
    (project.root / "prompts/ask/v2.md").write_text(text)
    prompts.lock(project.root)
    profile = project.root / "evalkit.toml"
    profile.write_text(profile.read_text().replace("ask@1", "ask@2"))
    ended = replayed(project)
    assert ended.outcome == "ERROR"
    assert {verdict.outcome for verdict in ended.decision.verdicts} == {"ERROR"}
    assert "NotRecorded in generate: no recording of anthropic/small to ask@2" in ended.reasons
    assert ended.scores == {}


def test_a_judge_s_question_that_is_not_recorded_errs_for_its_metric(recorded):
    """One line of the recordings is missing: one case of one metric is."""
    project, _ = recorded
    (path,) = (project.root / "rec").glob("openai*")
    lines = path.read_text().splitlines(keepends=True)
    support = next(line for line in lines if "judge_support" in line)
    path.write_text("".join(line for line in lines if line != support))
    ended = replayed(project)
    assert ended.outcome == "ERROR"
    assert "NotRecorded: no recording of openai/large to judge_support@1" in ended.reasons
    assert len(ended.scores) == len(SCORES) - 1


def test_no_secret_of_the_environment_is_recorded_and_such_a_reply_is_not_replayed(
    tmp_path, monkeypatch
):
    """A target that says a key: the reader sees that it did, the replay says why it stops."""
    monkeypatch.setenv("A_KEY", KEY)
    monkeypatch.delenv("GITHUB_EVENT_NAME", raising=False)

    def leaking(body):
        text = said(body)
        return f"{text} The key is {KEY}." if text == TEXTS["Arden"] else text

    with bees(tmp_path, generator="openai") as project:
        project.generator._reply = leaking
        first = project.ended(record=Recorder(tmp_path / "rec"))
    assert first.scores["arden", "faithfulness"] == 0.5
    files = [path for path in (tmp_path / "rec").rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert KEY not in path.read_text()
    ended = replayed(project)
    assert ended.outcome == "ERROR"
    assert "a reply with a secret in it of openai/small to ask@1" in ended.reasons
    assert {case for case, _ in ended.scores} == {"bexley", "corwen"}
