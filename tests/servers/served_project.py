"""The tiny project with its models behind a local server that speaks a provider's protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalkit import assemble, pipeline, prompts
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.plan import Effort
from tests.servers import standin

PROFILE = """\
[targets.app]
kind = "rag"
prompt = "ask@1"
retrieve = { mode = "bm25", k = 2 }

[profiles.provider]
generator = { provider = "openai", model = "small", base_url = "URL", api_key_env = "", \
price = { input = 1.0, output = 4.0 } }
judge = { provider = "openai", model = "large", base_url = "URL", api_key_env = "", \
price = { input = 2.0, output = 8.0 } }
embedder = "scripted"
"""

PROMPT = """\
+++
purpose = "Answer."
variables = ["passages", "question"]
output_contract = "Text."
why = "A test needs one."
+++
Answer the question from the passages.
{% for passage in passages %}
{{ passage.text }}
{% endfor %}
Question: {{ question }}
"""

SUITE = """\
[suite]
purpose = "A stand-in for a hosted model, over the real protocol."
dataset = "tiny@1"
target = "app"

[metrics]
faithfulness = {}
context_recall = {}

[gates.faithfulness]
floor = 0.5
compare = false
"""

TOWNS = ("Arden", "Bexley", "Corwen", "Dunmore", "Elgin", "Fowey")


def said(body: Mapping[str, Any]) -> str:
    """The judge's reply to a judge's prompt; else the first passage of the prompt, said again."""
    prompt = str(body["messages"][-1]["content"])
    if "response_format" in body or "Reply with one JSON object" in prompt:
        return standin.reply(body)
    return next(line for line in prompt.splitlines()[1:] if line.strip())


def write_served(project: Any, url: str) -> Any:
    """Six cases, one document each; `provider` is the only profile."""
    project.write("evalkit.toml", PROFILE.replace("URL", url))
    project.write("suites/tiny.toml", SUITE)
    project.write("prompts/ask/v1.md", PROMPT)
    prompts.lock(project.root)
    texts = {town: f"The mayor of {town} keeps {n} bees." for n, town in enumerate(TOWNS, 3)}
    documents = [{"id": town, "title": town, "text": text} for town, text in texts.items()]
    lines = "".join(f"{json.dumps(document)}\n" for document in documents)
    project.write("datasets/tiny/1/corpus.jsonl", lines)
    project.cases(
        [
            {
                "id": f"c{n}",
                "input": f"How many bees does the mayor of {town} keep?",
                "references": [texts[town]],
                "relevant_ids": [town],
            }
            for n, town in enumerate(TOWNS)
        ]
    )
    return project


def plans_of(project, *, profile="offline", **traffic):
    return assemble.plans(
        project.root / "suites/tiny.toml",
        project=load_project(project.root),
        profile=profile,
        traffic=Traffic(**traffic),
    )


def build_of(project, *, report="out", resume=False, profile="offline", **traffic):
    report = project.root / report
    place = pipeline.fresh_place(report, resume=resume)
    plans = plans_of(project, profile=profile, **traffic)
    return pipeline.run_build(plans, place=place, effort=Effort(), report=report)
