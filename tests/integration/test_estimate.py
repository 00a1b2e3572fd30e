"""What `evalkit run --estimate` says of the shipped suites, beside the bill of running them.

The bill is that of servers which count tokens as a provider might, with a counter that shares
nothing with the estimate's. The stand-in generator is the embedded one, as in the rehearsal: how
long a real model's answers are is not what this shows.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evalkit import assemble, estimate, pipeline
from evalkit.calls.traffic import REPLIES, Traffic
from evalkit.config import load_project
from evalkit.plan import Effort
from evalkit.providers.extractive import extractive
from evalkit.records import ModelRequest
from tests.servers import standin
from tests.servers.tokens import BillingOpenAIServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SUITES = ("rag_quality", "reading_quality", "prompt_injection", "pii_leakage")
NEAR = 0.10

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


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The repository's suites under a provider profile, and the servers of both roles."""
    root = tmp_path_factory.mktemp("shipped")
    for name in ("suites", "datasets", "prompts"):
        (root / name).symlink_to(ROOT / name)
    with (
        ThreadPoolExecutor(1) as worker,
        BillingOpenAIServer(generator(root / ".evalkit/cache", worker)) as first,
        BillingOpenAIServer(standin.reply) as second,
    ):
        profile = PROFILE.replace("URL1", first.base_url).replace("URL2", second.base_url)
        (root / "evalkit.toml").write_text(TARGET + profile)
        yield root, first, second


def generator(cache, worker):
    """The embedded model behind a server; its vectors are those the rehearsal has kept."""

    def reply(body):
        prompt = body["messages"][-1]["content"]
        request = ModelRequest(prompt=prompt, max_output_tokens=body["max_tokens"])
        made = worker.submit(lambda: asyncio.run(extractive(cache=cache).complete(request)))
        return made.result().text

    return reply


def plans(root, suite, traffic):
    return assemble.plans(
        root / f"suites/{suite}.toml",
        project=load_project(root),
        profile="provider",
        traffic=traffic,
    )


@pytest.mark.parametrize("suite", SUITES)
def test_the_estimate_is_within_a_tenth_of_the_bill(shipped, suite, record_property):
    """In dollars, and in calls to the last one; and it asks nobody."""
    root, first, second = shipped
    for server in (first, second):
        server.usage.clear()
        server.requests.clear()
    # Two suites ask the same questions: an estimate is for an empty cache.
    for replies in (root / ".evalkit/cache").glob(f"{REPLIES}*"):
        replies.unlink()
    rows = estimate.expected(plans(root, suite, Traffic(rehearsing=True)), report=root / "none")
    assert (first.requests, second.requests) == ([], [])
    (plan,) = plans(root, suite, Traffic())
    place = pipeline.fresh_place(root / "out" / suite, resume=False)
    pipeline.measure(plan, place=place, effort=Effort())
    bill = first.billed(0.15, 0.6) + second.billed(2.5, 10.0)
    expected = sum(row.usd for row in rows)
    record_property("dollars", f"estimated {expected:.4f}, billed {bill:.4f}")
    assert abs(expected / bill - 1) <= NEAR, f"estimated {expected:.4f}, billed {bill:.4f}"
    calls = {row.role: row.calls for row in rows}
    made = {"target": len(first.requests), "judge": len(second.requests)}
    assert calls == {role: n for role, n in made.items() if n}
