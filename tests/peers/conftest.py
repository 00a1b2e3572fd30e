"""Runs only where ragas and deepeval are installed: `make test-peers`."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys

import pytest

from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.protocol import Instruments
from evalkit.providers.scripted import ScriptedModel
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Answer, Case, Passage

missing = [name for name in ("deepeval", "ragas") if importlib.util.find_spec(name) is None]
collect_ignore_glob = ["test_*.py"] if missing else []


@pytest.fixture
def case():
    def build(**changes) -> Case:
        fields = {"id": "c1", "input": "Where is the tower?", "references": ("In Paris.",)}
        return Case(**(fields | changes))

    return build


@pytest.fixture
def answer():
    def build(text: str, *passages: str) -> Answer:
        found = tuple(
            Passage(document_id=f"d{i}", chunk_id=f"d{i}#0", text=body, rank=i, similarity=1 / i)
            for i, body in enumerate(passages, start=1)
        )
        return Answer(text=text, passages=found)

    return build


class Obedient:
    """A stand-in for a judge's model: replies by the reply class asked for, in the order given.

    A reply that is a list is used up one by one, anything else is repeated. `asked` keeps requests.
    """

    name = fingerprint = "obedient"

    def __init__(self, replies):
        self.replies = {key: list(v) if isinstance(v, list) else v for key, v in replies.items()}
        self.asked = []
        self._model = ScriptedModel(self._reply)

    def _reply(self, request):
        self.asked.append(request)
        wanted = self.replies[request.schema["title"]]
        reply = wanted.pop(0) if isinstance(wanted, list) else wanted
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, str) else json.dumps(reply)

    async def complete(self, request):
        await asyncio.sleep(0)  # siblings of one score are in flight together
        return await self._model.complete(request)


@pytest.fixture
def obedient():
    return Obedient


@pytest.fixture
def score():
    def run(metric, case, answer, model=None, *, embedder=None):
        instruments = Instruments(
            judge=ScriptedJudge(), embedder=embedder or ScriptedEmbedder(), model=model
        )
        return asyncio.run(metric.score(case, answer, repeat=0, instruments=instruments))

    return run


FRESH = """
import asyncio, os, json, sys, socket
before = dict(os.environ)
def no(*a, **k): raise AssertionError("the network")
socket.getaddrinfo = no
from evalkit.metrics import METRICS
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.protocol import Instruments
from evalkit.providers.scripted import ScriptedModel
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Answer, Case, Passage, Score
name, option, reply = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
metric = METRICS.get(name)(**option)
library = name.partition("/")[0]
assert library not in sys.modules, "constructing a metric imported " + library
passage = Passage(document_id="d", chunk_id="d#0", text="In Paris.", rank=1, similarity=1.0)
model = ScriptedModel(lambda request: reply)
found = asyncio.run(metric.score(
    Case(id="c", input="Where?", references=("In Paris.",)),
    Answer(text="In Paris.", passages=(passage,)), repeat=0,
    instruments=Instruments(judge=ScriptedJudge(), embedder=ScriptedEmbedder(), model=model)))
assert isinstance(found, Score) and found.value > 0.999, found
assert asyncio.run.__module__ == "asyncio.runners", "asyncio is patched"
print(json.dumps(sorted(k for k in os.environ if os.environ[k] != before.get(k))))
"""


@pytest.fixture
def fresh(tmp_path):
    """The names that a first score in a new process adds to its environment.

    Network look-ups raise, every warning is an error, and neither the working directory nor the
    home directory may gain a file.
    """
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    (work / ".env").write_text("PLANTED_BY_DOTENV=1\n")
    library = ("CONFIDENT", "DEEPEVAL", "GRPC", "RAGAS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(library)}

    def run(name: str, options: dict, reply: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", FRESH, name, json.dumps(options), reply],
            check=False,
            cwd=work,
            env=kept | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert [path.name for path in work.iterdir()] == [".env"]
        assert list(home.rglob("*")) == []
        return json.loads(done.stdout)

    return run
