"""`python -m evalkit.cli`: a process of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

from evalkit import __version__

ROOT = Path(__file__).parents[2]


def test_a_reader_that_leaves_is_no_traceback():
    """`evalkit … | head` ends quietly, and not with 0."""
    listing = [sys.executable, "-m", "evalkit.cli", "prompts", "list"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(listing, stdout=write, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_command_of_its_own_is_the_same_command():
    """`python -m evalkit.cli --version` is `evalkit --version`; a typing error exits with 2."""
    asked = [sys.executable, "-m", "evalkit.cli"]
    done = subprocess.run([*asked, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")
    assert subprocess.run([*asked, "rnu"], capture_output=True, check=False).returncode == 2


def test_importing_it_runs_no_command():
    """Tools walk through packages and import what they find."""
    importlib.import_module("evalkit.cli.__main__")
