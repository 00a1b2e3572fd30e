"""A tiny project with a scripted target and judge, so that faults can be put anywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

N_CASES = 30
UNRELATED = [
    argument
    for plugin in ("cacheprovider", "hypothesispytest", "syrupy", "anyio", "pytest_cov")
    for argument in ("-p", f"no:{plugin}")
]
"""Plugins of this repository's own tests: half the start-up of a process that needs none."""

PROJECT = """\
[targets.app]
kind = "callable"
function = "app:answer"

[profiles.offline]
judge = "app:judge"
embedder = "scripted"
"""

SUITE = """\
[suite]
purpose = "A stand-in target that repeats the question."
dataset = "tiny@1"
target = "app"

[metrics]
faithfulness = {}

[gates.faithfulness]
floor = 0.8
"""

APP = """\
from evalkit.judges.scripted import ScriptedJudge

def judge(embedder):
    return ScriptedJudge(supports=lambda claim: "unsupported" if "wrong" in claim else "supported")

def answer(question):
    passages = [{"document_id": "d1", "text": "All answers are known."}]
    return {"text": f"The answer to {question} is known.", "passages": passages}
"""


class Imported:
    """What a run has loaded: pytester forgets it, and libraries refuse to be loaded twice."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleType] = {}

    def pytest_unconfigure(self) -> None:
        self.modules = dict(sys.modules)


@dataclass
class Tiny:
    """The project's folder, and the files a test may spoil."""

    root: Path
    pytester: pytest.Pytester | None
    green: Path | None = None

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text, f"{name} does not hold {old!r}"
        self.write(name, text.replace(old, new))

    def cases(self, rows: list[dict[str, object]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        self.write("datasets/tiny/1/cases.jsonl", text)

    def pytest(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(*UNRELATED, "suites", *arguments)

    def pytest_here(self, *arguments: str) -> pytest.RunResult:
        """As `pytest`, in this process: for verdicts and output, at a fifth of the cost.

        What a process has to itself (imports, streams, exit, workers, changed code) needs `pytest`.
        """
        return self.here(*UNRELATED, "suites", *arguments)

    def here(self, *arguments: str) -> pytest.RunResult:
        """Any pytest command line, in this process; the project's modules go with it."""
        self.pytester.syspathinsert()
        imported = Imported()
        result = self.pytester.runpytest_inprocess(*arguments, plugins=[imported])
        for name, module in imported.modules.items():
            if not (getattr(module, "__file__", None) or "").startswith(str(self.root)):
                sys.modules.setdefault(name, module)
        return result

    def evalkit(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.run(sys.executable, "-m", "evalkit.cli", *arguments)

    def promoted(self) -> Tiny:
        """With a baseline of five epochs: that of `green`, as long as nothing was spoiled."""
        if self.green is not None and self._is(self.green):
            shutil.copytree(self.green / "reports", self.root / "reports")
            return self
        result = self.evalkit("baseline", "promote", "--because", "a test needs one")
        assert result.ret == 0, result.stderr.str()
        return self

    def _is(self, other: Path) -> bool:
        ours, theirs = (
            {path: (root / path).read_bytes() for path in _sources(root)}
            for root in (self.root, other)
        )
        return ours == theirs

    def run_json(self, suite: str = "tiny") -> dict[str, object]:
        return json.loads((self.root / "reports/latest/runs" / f"{suite}.json").read_text())


def _sources(root: Path) -> list[Path]:
    """What a person wrote, relative to the project."""
    made = {"reports", ".evalkit", "__pycache__"}
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return [path for path in files if not made & set(path.parts)]


def rows(n: int = N_CASES) -> list[dict[str, object]]:
    return [
        {"id": f"c{i:02d}", "input": f"question {i}", "references": [f"answer {i}"]}
        for i in range(n)
    ]


def write_project(project: Tiny) -> Tiny:
    project.write("evalkit.toml", PROJECT)
    project.write("suites/tiny.toml", SUITE)
    project.write("app.py", APP)
    project.cases(rows())
    return project


@pytest.fixture
def tiny(pytester: pytest.Pytester, green_project: Path) -> Tiny:
    """A project whose suite is green once it has a baseline."""
    return write_project(Tiny(pytester.path, pytester, green_project))


@pytest.fixture(scope="session")
def green_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with a baseline, made once; copy it before spoiling it."""
    folder = tmp_path_factory.mktemp("green")
    write_project(Tiny(folder, pytester=None))  # nothing is run through it
    command = [sys.executable, "-m", "evalkit.cli", "baseline", "promote", "--because", "tests"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder
