"""A small project over two local servers, run whole and in this process; a fault fits anywhere.

Three questions about three towns. The stand-in generator says its first passage again, and about
Bexley something else besides; the stand-in judge decides by word overlap. Both show wiring, not
quality.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit import assemble, comparing, pipeline, prompts
from evalkit.calls.retry import Retry
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.gates.decide import decide_build
from evalkit.plan import Effort
from evalkit.records import Decision, Run
from tests.servers import served_project
from tests.servers.anthropic_server import AnthropicServer
from tests.servers.local_server import LocalServer
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import PROMPT

SERVERS = {"openai": OpenAIServer, "anthropic": AnthropicServer}
TOWNS = ("Arden", "Bexley", "Corwen")

PROFILE = """\
[targets.app]
kind = "rag"
prompt = "ask@1"
retrieve = { mode = "bm25", k = 2 }

[profiles.provider]
generator = { provider = "GENERATOR", model = "small", base_url = "URL1", api_key_env = "A_KEY", \
timeout_s = TIMEOUT, price = { input = 1.0, output = 4.0 } }
judge = { provider = "JUDGE", model = "large", base_url = "URL2", api_key_env = "A_KEY", \
timeout_s = TIMEOUT, price = { input = 2.0, output = 8.0 } }
embedder = "scripted"
"""

SUITE = """\
[suite]
purpose = "A stand-in for hosted models, over the real protocols."
dataset = "tiny@1"
target = "app"

[metrics]
faithfulness = {}
context_recall = {}

[gates.faithfulness]
floor = 0.5
compare = false

[gates.context_recall]
floor = 0.5
compare = false
"""

# A fault spoils the bytes of "You" in a reply, so every reply holds the word.
TEXTS = {town: f"You may know that {town} keeps {n} bees." for n, town in enumerate(TOWNS, 3)}


CASES, ANSWERED, JUDGED = 3, 3, 9
"""Cases, and the requests of a run without faults: claims, support and attribution a case."""

SCORES = {
    (town.lower(), metric): 1.0 for town in TOWNS for metric in ("faithfulness", "context_recall")
} | {("bexley", "faithfulness"): 0.5, ("corwen", "context_recall"): 0.5}
"""Of a run without faults: half of Bexley's answer is in no passage, nor half of what Corwen's
reference says."""


def said(body: Mapping[str, Any]) -> str:
    """The reply of either role."""
    text = served_project.said(body)
    bexley = text == TEXTS["Bexley"]
    return f"{text} You should ask the wasps of Windsor." if bexley else text


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a whole run came to."""

    run: Run
    decision: Decision

    @property
    def outcome(self) -> str:
        return self.decision.outcome

    @property
    def scores(self) -> dict[tuple[str, str], float]:
        """By case and metric; what is unscored is missing."""
        return {
            (score.case_id, score.metric): score.value
            for score in self.run.scores
            if hasattr(score, "value")
        }

    @property
    def reasons(self) -> str:
        return " ".join(verdict.reason for verdict in self.decision.verdicts)


@dataclass
class Bees:
    """The project in `root`, its servers running."""

    root: Path
    generator: LocalServer
    judge: LocalServer

    def ended(
        self, *, retry: Retry | None = None, concurrency: int = 1, **traffic: object
    ) -> Ended:
        """Run and decide it; one case after the other unless told, so that runs compare."""
        around = Traffic(retry=retry or unhurried(), **traffic)  # type: ignore[arg-type]
        (plan,) = assemble.plans(
            self.root / "suites/tiny.toml",
            project=load_project(self.root),
            profile="provider",
            traffic=around,
        )
        place = pipeline.fresh_place(self.root / "out", resume=False)
        with around:
            run = pipeline.measure(plan, place=place, effort=Effort(concurrency=concurrency))
        measurement = comparing.compare(run, plan.promise, among={})
        (decision,) = decide_build([(plan.promise.gates, measurement)])
        return Ended(run=run, decision=decision)

    @property
    def requests(self) -> int:
        return len(self.generator.requests) + len(self.judge.requests)


def unhurried(attempts: int = 5) -> Retry:
    """As a run retries, less the pauses."""

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    return Retry(attempts=attempts, sleep=at_once)


@contextmanager
def bees(
    root: Path, *, generator: str = "anthropic", judge: str = "openai", timeout_s: float = 60.0
) -> Iterator[Bees]:
    """The project with a server for each role, which speaks that protocol."""
    with SERVERS[generator](said) as first, SERVERS[judge](said) as second:
        profile = (
            PROFILE.replace("GENERATOR", generator)
            .replace("JUDGE", judge)
            .replace("URL1", first.base_url)
            .replace("URL2", second.base_url)
            .replace("TIMEOUT", str(timeout_s))
        )
        files = {
            "evalkit.toml": profile,
            "suites/tiny.toml": SUITE,
            "prompts/ask/v1.md": PROMPT,
            "datasets/tiny/1/corpus.jsonl": _lines(_documents()),
            "datasets/tiny/1/cases.jsonl": _lines(_cases()),
        }
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        prompts.lock(root)
        yield Bees(root, first, second)


def _documents() -> list[dict[str, object]]:
    return [{"id": town, "title": town, "text": text} for town, text in TEXTS.items()]


def _cases() -> list[dict[str, object]]:
    return [
        {
            "id": town.lower(),
            "input": f"How many bees does {town} keep?",
            "references": [TEXTS[town] + (" You find him tall." if town == "Corwen" else "")],
            "relevant_ids": [town],
        }
        for town in TOWNS
    ]


def _lines(rows: list[dict[str, object]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)
