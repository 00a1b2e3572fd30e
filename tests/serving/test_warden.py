"""The warden by itself: it needs nothing of evalkit, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from evalkit.serving import leftovers, warden
from evalkit.serving.command import NONCE_VARIABLE
from tests.serving.conftest import gone, until

NONCE = f"warden-{os.getpid()}"
TWO = "import os, time; os.fork(); os.fork() or os.setsid(); print('up', flush=True); {then}"
SLEEP = TWO.format(then="time.sleep(600)")


@pytest.fixture
def watching(tmp_path):
    """Starts a warden over a Python program, and waits for three lines of `up`."""
    made = []

    def start(program, lines=4):
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={NONCE_VARIABLE: NONCE},
            start_new_session=True,
        )
        made.append(process)
        job = {
            "argv": [sys.executable, "-c", program], "nonce": NONCE, "grace_s": 0.5,
            "note": str(tmp_path / "note.json"),
        }  # fmt: skip
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        for _ in range(lines):
            assert process.stdout.readline() == b"up\n"
        return process

    yield start
    for process in made:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def test_closing_its_input_ends_everything(watching, tmp_path):
    process = watching(SLEEP)
    assert len(leftovers.processes(NONCE)) == 5
    until((tmp_path / "note.json").exists)  # the program may have spoken before it is written
    whom = json.loads((tmp_path / "note.json").read_text())
    assert whom["warden"]["pid"] == process.pid
    assert whom["warden"]["start"] == warden.start_ticks(process.pid)
    process.stdin.close()
    assert process.wait(60) == 0
    assert gone(NONCE) == []
    assert not (tmp_path / "note.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(watching, number):
    process = watching(SLEEP)
    process.send_signal(number)
    assert process.wait(60) == 0
    assert gone(NONCE) == []


def test_the_end_of_the_first_process_ends_the_rest(watching):
    process = watching(
        "import os, sys, time\nif os.fork(): print('up', flush=True); sys.exit(7)\ntime.sleep(600)",
        lines=1,
    )
    assert process.wait(60) == 7
    assert gone(NONCE) == []


def test_a_signal_that_ended_the_server_is_128_and_more(watching):
    process = watching("import os; os.kill(os.getpid(), 9)", lines=0)
    assert process.wait(60) == 128 + 9


def test_what_cannot_be_started_says_why(tmp_path):
    job = {"argv": ["/no/such"], "nonce": "n", "grace_s": 0.1, "note": str(tmp_path / "n.json")}
    with subprocess.Popen(
        [sys.executable, "-I", "-S", warden.__file__],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        assert process.wait(60) == 127
        assert b"cannot start /no/such" in process.stderr.read()


def test_a_fork_that_holds_the_pipe_does_not_hide_the_parents_end(tmp_path):
    """Whoever inherits the write end keeps the pipe open: the change of parent tells."""
    holder = (
        "import os, subprocess, sys, time, json\n"
        "p = subprocess.Popen([sys.executable, '-I', '-S', sys.argv[1]], stdin=subprocess.PIPE,"
        "    env={sys.argv[2]: sys.argv[3]})\n"
        "job = {'argv': [sys.executable, '-c', 'import time; time.sleep(600)'], 'nonce': 'n',"
        "    'grace_s': 0.5, 'note': sys.argv[4]}\n"
        "p.stdin.write(json.dumps(job).encode() + b'\\n'); p.stdin.flush()\n"
        "fork = os.fork()\n"
        "if fork: print(fork, flush=True)\n"
        "time.sleep(600)\n"
    )
    arguments = [warden.__file__, NONCE_VARIABLE, NONCE, str(tmp_path / "n.json")]
    with subprocess.Popen(
        [sys.executable, "-c", holder, *arguments], stdout=subprocess.PIPE
    ) as parent:
        fork = int(parent.stdout.readline())
        try:
            until(lambda: len(leftovers.processes(NONCE)) == 2)
            parent.kill()
            assert gone(NONCE) == []
            os.kill(fork, 0)  # it still sleeps
        finally:
            os.kill(fork, signal.SIGKILL)
