"""One life of a server: its log, its end, and whose it is."""

from __future__ import annotations

import os
import sys
import warnings

import pytest

from evalkit.serving import leftovers
from evalkit.serving.command import NONCE_VARIABLE
from evalkit.serving.process import LINE_CHARACTERS, ServerProcess
from tests.serving.conftest import gone, until

NONCE = f"process-{os.getpid()}"


@pytest.fixture
def started(tmp_path):
    """Starts a Python program under a warden."""
    made = []

    def start(program, secrets=()):
        argv = [sys.executable, "-u", "-c", program]
        made.append(
            ServerProcess(
                argv,
                environment={NONCE_VARIABLE: NONCE},
                nonce=NONCE,
                folder=tmp_path,
                secrets=secrets,
            )
        )
        return made[-1]

    yield start
    for process in made:
        process.end()


def test_the_log_is_read_to_its_end_without_secrets(started):
    process = started(
        "import sys; print('the key is s3cret'); print('bad \\udcff'.encode('utf-8', 'replace'));"
        f"print('x' * {LINE_CHARACTERS * 3}); print('last', file=sys.stderr); sys.exit(4)",
        secrets=["s3cret"],
    )
    until(lambda: not process.is_alive)
    process.end()
    lines = process.log().splitlines()
    assert lines[0] == "the key is [key]"
    assert lines[-1] == "last"
    assert max(map(len, lines)) == LINE_CHARACTERS
    assert process.status == 4


def test_a_talkative_server_is_never_stopped_by_a_full_pipe(started):
    process = started("for i in range(100_000): print('line', i)")
    until(lambda: not process.is_alive)
    process.end()
    assert process.log().splitlines()[-1] == "line 99999"
    assert len(process.log().splitlines()) == 200


def test_a_fork_does_not_end_its_parents_server(started):
    process = started("import time; time.sleep(600)")
    until(lambda: leftovers.processes(NONCE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside the log's thread
        pid = os.fork()
    if pid == 0:
        process.end()
        os._exit(0)
    os.waitpid(pid, 0)
    assert process.is_alive
    process.end()
    assert gone(NONCE) == []


def test_a_killed_warden_is_no_longer_alive_and_its_server_is_swept(started):
    process = started("import os, time; os.fork(); print('up'); time.sleep(600)")
    until(lambda: "up" in process.log())
    os.kill(process.pid, 9)
    until(lambda: not process.is_alive)
    process.end()
    assert gone(NONCE) == []
