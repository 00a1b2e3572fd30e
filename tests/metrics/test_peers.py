from __future__ import annotations

import asyncio
import importlib.metadata
import json
import tomllib

import pytest

from evalkit.config import BuiltIn, Section, construct
from evalkit.errors import BudgetExceeded, JudgeError
from evalkit.metrics import METRICS
from evalkit.metrics.deepeval import adapter as deepeval
from evalkit.metrics.deepeval.refused import REFUSED
from evalkit.metrics.peers import Replies, check_installed, closed_schema, parsed
from evalkit.metrics.ragas import adapter as ragas
from evalkit.providers.scripted import ScriptedModel
from evalkit.records import Completion, Cost, Usage
from tests.docs.pages import ROOT, blocks, text_of
from tests.metrics.distributions import Distributions


class Verdict:
    """A stand-in for a pydantic model: one integer key."""

    def __init__(self, verdict):
        self.verdict = verdict

    @classmethod
    def model_json_schema(cls):
        return {
            "title": "Verdict",
            "type": "object",
            "properties": {
                "verdict": {"type": "integer", "default": 1},
                "default": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            },
            "required": ["verdict"],
            "$defs": {"Inner": {"type": "object", "properties": {"a": {"type": "string"}}}},
        }

    @classmethod
    def model_validate_json(cls, text, *, strict):
        assert strict
        data = json.loads(text)
        if not isinstance(data, dict) or type(data["verdict"]) is not int:
            raise ValueError("no object with an integer")
        return cls(data["verdict"])


def completion(text, stop_reason="stop"):
    return Completion(
        text=text, model="m", usage=Usage(), cost=Cost(), latency_s=0.0, stop_reason=stop_reason
    )


def replies(function):
    return Replies(ScriptedModel(function), prompt_ref="library@1", max_output_tokens=99)


def test_the_examples_of_the_page_are_accepted(tmp_path, monkeypatch):
    """docs/ragas-and-deepeval.md; the packages are stand-ins that nobody imports."""
    installed = Distributions(tmp_path, monkeypatch)
    for name, release in (("ragas", ragas.RELEASE), ("deepeval", deepeval.RELEASE)):
        installed.install(name, release)
    installed.install("langchain-community", "0.4.1")
    problems, accepted = [], []
    for block in blocks("docs/ragas-and-deepeval.md", "toml"):
        for name, table in tomllib.loads(block.text).get("metrics", {}).items():
            section = Section(BuiltIn("page"), ("metrics", name), table)
            accepted.append(construct(METRICS.get(name), section, problems))
    assert problems == []
    assert [metric.name for metric in accepted] == [
        "ragas/faithfulness", "deepeval/bias", "deepeval/misuse", "deepeval/g_eval", "deepeval/dag",
    ]  # fmt: skip


def test_every_metric_and_every_variable_stands_on_the_page():
    page = text_of("docs/ragas-and-deepeval.md")
    names = [name for name in METRICS.names() if name.startswith(("ragas/", "deepeval/"))]
    assert [name for name in names if f"`{name}`" not in page] == []
    variables = {**ragas.ENVIRONMENT, **deepeval.ENVIRONMENT}
    assert [k for k, v in variables.items() if f"`{k}={v}`" not in page] == []
    assert [k for k in deepeval.ENVIRONMENT_OF_ITS_OWN if f"`{k}`" not in page] == []
    assert f"other {len(REFUSED)} metrics of DeepEval" in page


def test_the_extras_pin_what_the_adapters_were_read_against():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    assert f"ragas=={ragas.RELEASE}" in extras["ragas"]
    assert extras["deepeval"] == [f"deepeval=={deepeval.RELEASE}"]
    below = ".".join(map(str, ragas.BROKEN_FROM))
    assert f"langchain-community<{below}" in extras["ragas"]
    lock = (ROOT / "requirements" / "peers.lock").read_text("utf-8")
    assert f"\nragas=={ragas.RELEASE} " in lock
    assert f"\ndeepeval=={deepeval.RELEASE} " in lock


def test_the_release_must_be_the_one_that_was_read():
    release = importlib.metadata.version("pytest")
    check_installed("a/b", "pytest", release=release)
    with pytest.raises(
        ValueError, match=rf"a/b measures what pytest 0\.0 .*{release} is installed"
    ):
        check_installed("a/b", "pytest", release="0.0")
    with pytest.raises(ValueError, match=r"no_such_package, .*'evalkit-gate\[no_such_package\]'"):
        check_installed("a/b", "no_such_package", release="1")


def test_a_schema_is_closed_all_through_and_a_key_may_be_called_default():
    schema = closed_schema(Verdict)
    assert schema["required"] == ["verdict", "default"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["verdict"] == {"type": "integer"}
    assert "default" not in schema["properties"]["default"]
    assert schema["$defs"]["Inner"]["required"] == ["a"]
    assert closed_schema(Verdict) is schema  # made once


@pytest.mark.parametrize(
    "text",
    ["", "1", "{", '{"verdict": 1} {}', '{"verdict": 1, "verdict": 0}', '{"verdict": NaN}',
     '{"verdict": true}', '{"verdict": "1"}'],
)  # fmt: skip
def test_a_reply_is_one_object_of_its_shape_or_nothing(text):
    with pytest.raises(JudgeError):
        parsed(completion(text), Verdict)


def test_a_reply_cut_short_or_refused_is_none_even_if_it_reads_well():
    assert parsed(completion('{"verdict": 1}'), Verdict).verdict == 1
    for reason in ("length", "refusal"):
        with pytest.raises(JudgeError, match=reason):
            parsed(completion('{"verdict": 1}', reason), Verdict)


def test_the_same_prompt_again_is_another_draw():
    asked = []

    def reply(request):
        asked.append(request)
        return '{"verdict": 1}'

    async def run():
        conversation = replies(reply)
        for prompt in ("a", "b", "a"):
            await conversation.reply(prompt, Verdict)
        return conversation

    conversation = asyncio.run(run())
    assert [(request.prompt, request.draw) for request in asked] == [("a", 0), ("b", 0), ("a", 1)]
    assert {(r.prompt_ref, r.max_output_tokens) for r in asked} == {("library@1", 99)}
    assert len(conversation.of("Verdict")) == 3
    assert conversation.of("Other") == []
    assert conversation.failure is None


def test_the_first_error_is_kept_and_siblings_are_stopped():
    ended = []

    async def reply(request):
        if request.prompt == "spent":
            raise BudgetExceeded("spent")
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            ended.append(request.prompt)
            raise

    async def run():
        conversation = replies(reply)
        slow = asyncio.ensure_future(conversation.reply("slow", Verdict))
        await asyncio.sleep(0)
        with pytest.raises(BudgetExceeded):
            await conversation.reply("spent", Verdict)
        await conversation.stop()
        assert slow.cancelled()
        return conversation

    conversation = asyncio.run(run())
    assert isinstance(conversation.failure, BudgetExceeded)
    assert ended == ["slow"]
