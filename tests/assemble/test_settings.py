"""What a plan is made of, by name: options as written, defaults, and no secret."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evalkit import assemble, prompts
from evalkit.config import load_project
from evalkit.settings import changed
from tests.servers.served_project import PROMPT

RAG = """\
[targets.app]
kind = "rag"
prompt = "ask@1"
chunk = { tokens = 40, overlap = 8 }
retrieve = { mode = "bm25", k = 2 }
guardrails = ["injection_filter"]

[profiles.offline]
generator = "scripted"
judge = "scripted"
embedder = "scripted"
"""

HTTP = """\
[targets.app]
kind = "http"
url = "https://app.example/v1/ask?sig=hunter2"
headers = { Authorization = "env:APP_TOKEN", X-Key = "hunter2" }
body = { question = "{question}", auth = { user = "hunter2" }, note = "correct-horse-battery" }

[profiles.offline]
judge = "scripted"
embedder = "scripted"
"""

HOSTED = '{ provider = "openai", model = "small", price = { input = 1.0, output = 4.0 } }'
LARGE = '{ provider = "openai", model = "large", price = { input = 1.0 }, thinking_tokens = 9 }'

ATTACK = """\
[attack]
kind = "pii_leakage"
seed = 3

[metrics]
leak_free = {}

[gates.leak_free]
kind = "zero_tolerance"
"""

PERSONAS = Path(__file__).parents[2] / "datasets/pii_personas"

OWN = """

import dataclasses
import pathlib

@dataclasses.dataclass(frozen=True, kw_only=True)
class Own:
    version: str = "1"
    folder: str = "/opt/ada/models/mine"
    api_key: str = "hunter2"
    draw: object = print
    root: pathlib.Path = pathlib.Path("/")
    fingerprint: str = dataclasses.field(init=False, default="f")
"""


@pytest.fixture
def settings(project):
    """The settings of the tiny project's plan under this configuration."""
    project.write("prompts/ask/v1.md", PROMPT)
    project.write("prompts/ask/v2.md", PROMPT.replace("}} {{", "}} Now: {{"))
    corpus = '{"id": "d1", "title": "All", "text": "All answers are known."}\n'
    project.write("datasets/tiny/1/corpus.jsonl", corpus)
    prompts.lock(project.root)

    def made(text):
        project.write("evalkit.toml", text)
        suite = project.root / "suites/tiny.toml"
        (plan,) = assemble.plans(suite, project=load_project(project.root), profile="offline")
        return plan.settings

    return made


def test_a_pipeline_is_named_down_to_the_options_that_nobody_wrote(settings):
    """k is written, the index and its kind are not; BM25 has two options of its own."""
    found = settings(RAG)
    assert list(found) == sorted(found)
    assert dict(found) == {
        "embedder": "scripted",
        "generator": "scripted",
        "judge": "scripted",
        "target": "app",
        "target.chunk.kind": "sentences",
        "target.chunk.overlap": "8",
        "target.chunk.tokens": "40",
        "target.guardrails": "injection_filter",
        "target.index.kind": "flat",
        "target.kind": "rag",
        "target.max_output_tokens": "512",
        "target.prompt": "ask@1",
        "target.retrieve.b": "0.75",
        "target.retrieve.k": "2",
        "target.retrieve.k1": "1.5",
        "target.retrieve.mode": "bm25",
    }


@pytest.mark.parametrize(
    ("old", "new", "name", "how"),
    [
        ("k = 2", "k = 1", "target.retrieve.k", "2 → 1"),
        (", k = 2", "", "target.retrieve.k", "2 → 5"),
        ("ask@1", "ask@2", "target.prompt", "ask@1 → ask@2"),
        ('["injection_filter"]', "[]", "target.guardrails", "injection_filter → none"),
        ("overlap = 8", "overlap = 0", "target.chunk.overlap", "8 → 0"),
        ('generator = "scripted"', f"generator = {HOSTED}", "generator", "scripted → openai/small"),
        ("[targets.app]", "[targets.app]\nmax_output_tokens = 9", "target.max_output_tokens",
         "512 → 9"),
    ],
)  # fmt: skip
def test_one_setting_changed_is_the_first_change_told(settings, old, new, name, how):
    first, *others = changed(settings(RAG), settings(RAG.replace(old, new)))
    assert (first.name, first.how) == (name, how)
    assert name == "generator" or not others


def test_the_same_files_give_the_same_settings(settings):
    """Near miss: a default that is written out is no change either."""
    assert changed(settings(RAG), settings(RAG)) == ()
    written = RAG.replace("[targets.app]", '[targets.app]\nindex = { kind = "flat" }')
    assert settings(written) == settings(RAG)


def test_no_secret_of_an_option_or_of_the_environment_is_a_setting(settings, monkeypatch):
    monkeypatch.setenv("APP_TOKEN", "correct-horse-battery")
    found = dict(settings(HTTP))
    assert found["target.url"] == "https://app.example/v1/ask"
    assert found["target.headers.Authorization"] == "env:APP_TOKEN"
    assert found["target.body.question"] == "{question}"
    assert found["target.timeout_s"] == "60"
    assert "target.root" not in found
    text = repr(found)
    for secret in ("hunter2", "correct-horse-battery"):
        assert secret not in text


def test_a_targets_own_generator_is_named_with_its_price(settings):
    found = dict(settings(RAG.replace("prompt =", f"generator = {HOSTED}\nprompt =")))
    assert found["generator"] == "openai/small"
    assert found["generator.price.output"] == "4"
    assert found["generator.limits.start"]
    assert found["generator.api_key_env"] == "OPENAI_API_KEY"
    assert "target.generator.model" not in found


def test_a_judge_is_named_with_its_own_options_and_its_models(settings):
    found = dict(settings(RAG.replace('judge = "scripted"', f"judge = {LARGE}")))
    assert found["judge"] == "openai/large"
    assert (found["judge.thinking_tokens"], found["judge.reversed_questions"]) == ("9", "3")
    assert found["judge.structured"] == "json_schema"


def test_the_members_of_a_panel_are_numbered(settings):
    panel = f'judge = {{ panel = [{LARGE}, "scripted"] }}'
    found = dict(settings(RAG.replace('judge = "scripted"', panel)))
    assert found["judge.rule"] == "majority"
    assert (found["judge.panel.1"], found["judge.panel.2"]) == ("openai/large", "scripted")
    assert found["judge.panel.1.thinking_tokens"] == "9"


def test_an_embedder_of_the_projects_folder_is_named_with_its_options(settings):
    hosted = '{ provider = "openai", model = "e", price = { input = 1.0 }, dimensions = 64 }'
    found = dict(settings(RAG.replace('embedder = "scripted"', f"embedder = {hosted}")))
    assert (found["embedder"], found["embedder.dimensions"]) == ("openai/e", "64")


def test_an_own_targets_defaults_are_settings_as_far_as_a_file_could_say_them(settings, project):
    project.write("own.py", OWN)
    profile = RAG[RAG.index("[profiles") :]
    found = dict(settings(f'[targets.app]\nkind = "own:Own"\n\n{profile}'))
    assert {name: value for name, value in found.items() if name.startswith("target")} == {
        "target": "app",
        "target.kind": "own:Own",
        "target.version": "1",
        "target.folder": "…/mine",
        "target.api_key": "⟦not shown⟧",
    }


def test_an_attack_is_named_with_its_options(settings, project):
    shutil.copytree(PERSONAS, project.root / "datasets/pii_personas")
    head = project.root.joinpath("suites/tiny.toml").read_text().split("[metrics]")[0]
    project.write("suites/tiny.toml", head + ATTACK)
    found = dict(settings(RAG))
    assert (found["attack.kind"], found["attack.seed"]) == ("pii_leakage", "3")
    assert found["attack.count"]
