"""What the house rules are checked on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def tool() -> Tool:
    """Run a program that was installed beside this Python; missing is an error, not a skip."""

    def run(name: str, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).parent / name
        return subprocess.run(
            [program, *args], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
        )

    return run
