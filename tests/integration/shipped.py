"""The repository's own suites under a provider profile, before servers that count tokens.

The stand-in generator is the embedded model behind a server, and repeats itself to the byte; the
stand-in judge is `tests.servers.standin`. What they show is wiring, calls and bills, not quality.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evalkit import assemble
from evalkit.calls.traffic import REPLIES, Traffic
from evalkit.config import load_project
from evalkit.plan import Plan
from evalkit.providers.extractive import extractive
from evalkit.records import ModelRequest
from tests.servers import standin
from tests.servers.tokens import BillingOpenAIServer

ROOT = Path(__file__).parents[2]

PROFILE = """
[profiles.provider]
generator = { provider = "openai", model = "gpt-4o-mini", base_url = "URL1", api_key_env = "", \
price = { input = 0.15, output = 0.6 } }
judge = { provider = "openai", model = "gpt-4o", base_url = "URL2", api_key_env = "", \
price = { input = 2.5, output = 10.0 } }
"""

TARGET = """
[targets.rag]
kind = "rag"
prompt = "answer_from_context@2"
chunk = { tokens = 160, overlap = 32 }
index = { kind = "hnsw" }
retrieve = { mode = "hybrid", k = 5 }
guardrails = ["injection_filter", "pii_redaction"]
"""


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """A project with the repository's suites, and the servers of both roles."""

    root: Path
    generator: BillingOpenAIServer
    judge: BillingOpenAIServer

    @property
    def judged_usd(self) -> float:
        """What the judge's server has counted so far."""
        return self.judge.billed(2.5, 10.0)

    @property
    def billed_usd(self) -> float:
        """What both have."""
        return self.generator.billed(0.15, 0.6) + self.judged_usd

    def forget(self) -> None:
        """Nothing was asked yet, and no reply is kept."""
        for server in (self.generator, self.judge):
            server.usage.clear()
            server.requests.clear()
        for replies in (self.root / ".evalkit/cache").glob(f"{REPLIES}*"):
            replies.unlink()

    def edit(self, old: str, new: str) -> None:
        """Replace text that stands once in the project's settings."""
        file = self.root / "evalkit.toml"
        text = file.read_text()
        assert text.count(old) == 1, old
        file.write_text(text.replace(old, new))

    def plan(self, suite: str, traffic: Traffic) -> Plan:
        """The plan of a suite with one target."""
        (plan,) = assemble.plans(
            self.root / f"suites/{suite}.toml",
            project=load_project(self.root),
            profile="provider",
            traffic=traffic,
        )
        return plan


@contextmanager
def shipped(root: Path) -> Iterator[Shipped]:
    """Makes the project in `root`; its suites, data and prompts are the repository's."""
    for name in ("suites", "datasets", "prompts"):
        (root / name).symlink_to(ROOT / name)
    with (
        ThreadPoolExecutor(1) as worker,
        BillingOpenAIServer(_generator(root / ".evalkit/cache", worker)) as first,
        BillingOpenAIServer(standin.reply) as second,
    ):
        profile = PROFILE.replace("URL1", first.base_url).replace("URL2", second.base_url)
        (root / "evalkit.toml").write_text(TARGET + profile)
        yield Shipped(root=root, generator=first, judge=second)


def _generator(cache, worker):
    """The embedded model behind a server; its vectors are those the rehearsal has kept."""

    def reply(body):
        prompt = body["messages"][-1]["content"]
        request = ModelRequest(prompt=prompt, max_output_tokens=body["max_tokens"])
        made = worker.submit(lambda: asyncio.run(extractive(cache=cache).complete(request)))
        return made.result().text

    return reply
