"""The command line, run in this process in the tiny project of tests/plugin."""

from __future__ import annotations

import pytest

from evalkit.cli import main
from tests.plugin.conftest import APP

OTHERS = """
ASKED = []

def counted(question):
    ASKED.append(question)
    return {**answer(question), "usage": {"input_tokens": 1_000_000}}

def worse(question):
    return {"text": "A wrong answer.", "passages": answer("")["passages"]}
"""


@pytest.fixture
def cli(project, monkeypatch, capsys):
    """Run a command in the tiny project: its exit code, what it printed, what it complained of."""
    monkeypatch.chdir(project.root)
    project.write("app.py", APP + OTHERS)

    def run(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def promoted(cli):
    """The command line in a project that has a baseline."""
    assert cli("baseline", "promote", "--because", "a test needs one")[0] == 0
    return cli
