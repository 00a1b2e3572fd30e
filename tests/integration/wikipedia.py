"""Thirty questions on Wikipedia passages, generator and judge at two providers.

The stand-in generator says the sentence of its passages that shares most words with the question.
Under a prompt that asks for a full answer it says the one before it too, to every other question:
so a change of prompt changes some answers and not others. The judge decides by word overlap.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

from evalkit.text import content_words, sentences, words
from tests.plugin.conftest import UNRELATED
from tests.servers import standin
from tests.servers.tokens import BillingAnthropicServer, BillingOpenAIServer

ROOT = Path(__file__).parents[2]
N = 30

PROFILE = """\
[targets.rag]
kind = "rag"
prompt = "answer_from_context@2"
chunk = { tokens = 160, overlap = 32 }
retrieve = { mode = "bm25", k = 3 }

[profiles.provider]
generator = { provider = "anthropic", model = "claude-stand-in", base_url = "URL1", \
api_key_env = "", price = { input = 1.0, output = 5.0 } }
judge = { provider = "openai", model = "gpt-stand-in", base_url = "URL2", \
api_key_env = "", price = { input = 2.5, output = 10.0 } }
"""

SUITE = """\
[suite]
purpose = "Answers on Wikipedia passages stay faithful, complete and cheap."
dataset = "clapnq@1"
target  = "rag"
judge_all = true  # these tests count what caches save; tests/measure what verdicts need not

[metrics]
faithfulness = {}
answer_relevancy = {}
context_precision = {}
context_recall = {}

[gates.faithfulness]
floor = 0.80
margin = 0.05

[gates.context_recall]
margin = 0.05

[gates.context_precision]
margin = 0.05

[gates.tokens]
max_increase = 0.10
"""

QUESTION_OF = (
    ("reversal", '"commitment"'),
    ("claims", '"sentences": [{"id"'),
    ("usefulness", "\nright answer: "),
    ("support", "\nclaim c1: "),
    ("attribution", "\nsentence s1: "),
)
"""What tells a judge's prompts apart, in this order."""


def answered(body: Mapping[str, Any]) -> str:
    prompt = str(body["messages"][-1]["content"])
    material, _, question = prompt.partition("Question:")
    passages = re.split("Passages:|some context:", material)[1]
    said = [span.text for line in passages.splitlines() for span in sentences(line)]
    asked = set(content_words(question))
    best = max(range(len(said)), key=lambda i: len(asked & set(content_words(said[i]))))
    full = "as fully as you can" in prompt and len(words(question)) % 2
    return " ".join(said[max(0, best - 1) : best + 1] if full else [said[best]])


def kind_of(body: Mapping[str, Any]) -> str:
    """Which of the five questions a judge was asked."""
    prompt = str(body["messages"][-1]["content"])
    return next(kind for kind, mark in QUESTION_OF if mark in prompt)


@dataclass
class Wikipedia:
    """The project in `root`, its servers running."""

    root: Path
    generator: BillingAnthropicServer
    judge: BillingOpenAIServer

    def evalkit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("-m", "evalkit.cli", *arguments)

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        profile = ("--evalkit-profile", "provider")
        return self._run("-m", "pytest", *UNRELATED, "suites", *profile, *arguments)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.root, capture_output=True, text=True, check=False
        )

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def saved(self) -> dict[str, Any]:
        path = self.root / "reports/latest/runs/rag.json"
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def answers(self) -> dict[str, str]:
        """By case, in the last run."""
        return {one["case_id"]: one["outcome"]["text"] for one in self.saved()["run"]["trials"]}

    @property
    def owed_usd(self) -> float:
        """What both servers have counted up to now, at the profile's prices."""
        return self.generator.billed(1.0, 5.0) + self.judge.billed(2.5, 10.0)

    def asked(self) -> tuple[int, dict[str, int]]:
        """Requests to the generator, and to the judge by question, since the last look."""
        kinds: dict[str, int] = {}
        for seen in self.judge.requests:
            kinds[kind_of(seen.body)] = kinds.get(kind_of(seen.body), 0) + 1
        answers = len(self.generator.requests)
        self.generator.requests.clear()
        self.judge.requests.clear()
        return answers, kinds


@contextmanager
def wikipedia(root: Path, *, n: int = N) -> Iterator[Wikipedia]:
    """The project, with a server for each role."""
    with BillingAnthropicServer(answered) as first, BillingOpenAIServer(standin.reply) as second:
        profile = PROFILE.replace("URL1", first.base_url).replace("URL2", second.base_url)
        (root / "suites").mkdir(parents=True)
        (root / "evalkit.toml").write_text(profile)
        (root / "suites/rag.toml").write_text(SUITE)
        copytree(ROOT / "prompts", root / "prompts")
        _write_data(root / "datasets/clapnq/1", n)
        yield Wikipedia(root, first, second)


def _write_data(folder: Path, n: int) -> None:
    """The first questions of the shipped set that have an answer, and the documents it is in."""
    shipped = ROOT / "datasets/clapnq/1"
    cases = [json.loads(line) for line in (shipped / "cases.jsonl").read_text().splitlines()]
    chosen = [case for case in cases if case["expect"] == "answer"][:n]
    relevant = {document for case in chosen for document in case["relevant_ids"]}
    rows = [json.loads(line) for line in (shipped / "corpus.jsonl").read_text().splitlines()]
    corpus = [row for row in rows if row["id"] in relevant]
    folder.mkdir(parents=True)
    for name, kept in (("cases", chosen), ("corpus", corpus)):
        text = "".join(f"{json.dumps(row)}\n" for row in kept)
        (folder / f"{name}.jsonl").write_text(text)
