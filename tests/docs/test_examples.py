"""Each example, copied out of the repository, promotes its baseline and is then green."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from importlib.resources import files

import pytest

from tests.docs.pages import ROOT

EXAMPLES = ROOT / "examples"
LEFT_BEHIND = shutil.ignore_patterns("reports", ".evalkit", "__pycache__", ".pytest_cache")


def run(*words, cwd):
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=1200
    )


def green_after_promotion(folder):
    red = run("pytest", "suites/", cwd=folder)
    assert red.returncode == 1, red.stdout
    assert "evalkit baseline promote suites/handbook.toml" in red.stdout
    promoted = run("evalkit.cli", "baseline", "promote", "--because", "first", cwd=folder)
    assert promoted.returncode == 0, promoted.stderr
    green = run("pytest", "suites/", cwd=folder)
    assert green.returncode == 0, green.stdout
    assert "40 passed" in green.stdout  # 36 cases, 4 gates
    assert (folder / "reports" / "latest" / "report.html").is_file()


@pytest.mark.slow
def test_the_callable(tmp_path):
    folder = shutil.copytree(EXAMPLES / "callable", tmp_path / "mine", ignore=LEFT_BEHIND)
    green_after_promotion(folder)


@pytest.mark.slow
def test_the_service(tmp_path):
    folder = shutil.copytree(EXAMPLES / "http", tmp_path / "mine", ignore=LEFT_BEHIND)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    settings = folder / "evalkit.toml"
    settings.write_text(settings.read_text("utf-8").replace("8808", port), "utf-8")
    with subprocess.Popen(
        [sys.executable, "server.py"], cwd=folder, env={**os.environ, "PORT": port}
    ) as server:
        try:
            wait_for(int(port))
            green_after_promotion(folder)
        finally:
            server.terminate()


def wait_for(port):
    for _ in range(1200):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the service did not start")


@pytest.mark.slow
def test_a_project_made_by_init(tmp_path):
    """As docs/writing-a-suite.md begins."""
    assert run("evalkit.cli", "init", "mine", cwd=tmp_path).returncode == 0
    green_after_promotion(tmp_path / "mine")


@pytest.mark.parametrize("example", ["callable", "http"])
def test_the_dataset_is_the_one_of_init(example):
    theirs = files("evalkit.scaffold") / "files" / "datasets" / "handbook" / "1"
    ours = EXAMPLES / example / "datasets" / "handbook" / "1"
    assert {path.name: path.read_bytes() for path in ours.iterdir()} == {
        path.name: path.read_bytes() for path in theirs.iterdir()
    }
