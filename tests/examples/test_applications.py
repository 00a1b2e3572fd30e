"""The example applications answer through the targets their evalkit.toml declares."""

import asyncio
import importlib.util
import sys
import tomllib
from pathlib import Path

from aiohttp.test_utils import TestServer

from evalkit.records import Document
from evalkit.targets.callable import CallableTarget
from evalkit.targets.http import HttpTarget

EXAMPLES = Path(__file__).parents[2] / "examples"
CORPUS = [
    Document(id="w", title="Whales", text="Blue whales feed on krill. They sing."),
    Document(id="p", title="Paris", text="Paris is in France."),
]


def options(example, name):
    table = tomllib.loads((EXAMPLES / example / "evalkit.toml").read_text("utf-8"))["targets"][name]
    return {key: value for key, value in table.items() if key != "kind"}


async def asked(target):
    await target.ingest(CORPUS)
    return await target.answer("What do whales feed on?")


def test_the_callable():
    target = CallableTarget(root=EXAMPLES / "callable", **options("callable", "app"))
    answer = asyncio.run(asked(target))
    assert answer.text == "Blue whales feed on krill."
    assert answer.passages[0].document_id == "w"


def test_the_service(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("example_server", EXAMPLES / "http" / "server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    async def run():
        async with TestServer(module.application()) as server:
            local = {
                key: str(server.make_url("/")).rstrip("/") + value.partition(":8808")[2]
                for key, value in options("http", "service").items()
                if key in ("url", "ingest_url")
            }
            return await asked(HttpTarget(**(options("http", "service") | local)))

    answer = asyncio.run(run())
    assert answer.text == "Blue whales feed on krill."
    assert answer.passages[0].document_id == "w"
