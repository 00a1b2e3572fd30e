"""A stand-in for vLLM, and a look at the processes that are left."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.serving import leftovers
from evalkit.serving.build import VllmBuild
from evalkit.serving.options import ServerOptions
from evalkit.serving.server import Server

SOURCE = Path(__file__).with_name("standin.py")


def until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    """Wait for what another process does; too long is a failure, too early never is."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(nonce: str, within_s: float = 60.0) -> list[int]:
    """The processes of a server that are still there when they had time to go."""
    deadline = time.monotonic() + within_s
    while (left := leftovers.processes(nonce)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def until_down(server: Server, within_s: float = 60.0) -> None:
    """A process that ends has no environment to be known by, a moment before its parent knows."""
    deadline = time.monotonic() + within_s
    while server.is_up and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def standin_python(tmp_path: Path) -> Path:
    """An executable that takes an interpreter's place and serves as tests/serving/standin.py."""
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable} -IS\n{SOURCE.read_text('utf-8')}", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def standin_model(tmp_path: Path) -> Callable[..., Path]:
    """Makes a model folder; the keywords are how its server behaves."""

    def make(name: str = "model", /, **behaviour: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "standin.json").write_text(json.dumps(behaviour))
        return folder

    return make


@pytest.fixture
def server(standin_python: Path, standin_model: Callable[..., Path]) -> Iterator[Any]:
    """Makes servers over the stand-in, and stops them."""
    made: list[Server] = []

    def make(*, draw_port: Any = None, start_timeout_s: float = 120.0, **behaviour: Any) -> Server:
        options = ServerOptions(
            model=str(standin_model(f"model-{len(made)}", **behaviour)),
            start_timeout_s=start_timeout_s,
        )
        build = VllmBuild(python=str(standin_python), version="0.0.1", device="cpu")
        made.append(Server(options, build, draw_port=draw_port))
        return made[-1]

    yield make
    for one in made:
        one.stop()
