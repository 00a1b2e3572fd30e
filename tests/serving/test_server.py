"""A server's whole life, over a stand-in for vLLM; tests/vllm has the real one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from evalkit.errors import ConfigError, ServerFailed
from evalkit.serving import leftovers
from evalkit.serving.http import request
from evalkit.serving.server import held_port
from evalkit.serving.warden import stat_fields
from tests.serving.conftest import gone, until, until_down


def chat(server, text):
    body = {"model": server.served_name, "messages": [{"role": "user", "content": text}]}
    return request(server.address, "/v1/chat/completions", timeout_s=60, body=body).json()


def test_a_server_starts_answers_and_stops(server):
    one = server(engine="plain")
    one.ready()
    nonce = one.served_name
    assert chat(one, "hello")["choices"][0]["message"]["content"] == "hello"
    assert len(leftovers.processes(nonce)) == 3  # the warden, the server, its engine
    one.stop()
    one.stop()
    assert gone(nonce) == []
    assert list(leftovers.notes_folder().glob(f"{nonce}*")) == []
    with pytest.raises(ServerFailed, match="was stopped"):
        one.ready()


def test_the_key_is_random_in_no_argv_and_in_no_log(server):
    one, other = server(), server()
    one.ready()
    other.ready()
    keys = {one.address.key, other.address.key}
    assert len(keys) == 2
    assert min(map(len, keys)) >= 40
    argvs = [
        Path(f"/proc/{pid}/cmdline").read_bytes() for pid in leftovers.processes(one.served_name)
    ]
    assert len(argvs) == 2
    assert not any(one.address.key.encode() in argv for argv in argvs)
    assert "stand-in starts, key [key]" in one.log()
    assert one.address.key not in repr(one.address)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ({"any_key": True}, "answered a wrong key with 200"),
        ({"exposed": True}, r"listens on 0\.0\.0\.0"),
        ({"ignores_schema": True}, "constrained completion failed"),
        ({"exit": 3}, r"ended before it was ready \(status 3\)"),
    ],
)
def test_a_server_that_misbehaves_is_no_server(server, behaviour, why):
    """Nothing of it is left, and its last words are in the message."""
    one = server(engine="plain", **behaviour)
    with pytest.raises(ServerFailed, match=why) as caught:
        one.ready()
    assert "stand-in starts" in str(caught.value)
    assert one.address is None
    assert gone(one.served_name) == []
    with pytest.raises(ServerFailed, match=why):  # and no second start
        one.ready()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("behaviour", "what"),
    [
        ({"hang": True}, "not listed"),
        ({"name": "somebody-else"}, "not listed"),
        ({"engine_hangs": True}, "first completion did not come back"),
    ],
)
def test_a_start_that_hangs_ends_at_its_deadline(server, behaviour, what):
    """A machine on which the stand-in does not get as far as it can in time is given more."""
    for timeout_s in (2.0, 8.0, 32.0, 120.0):
        one = server(chatter=300, start_timeout_s=timeout_s, **behaviour)
        started = time.monotonic()
        with pytest.raises(ServerFailed, match="the start deadline passed") as caught:
            one.ready()
        assert timeout_s <= time.monotonic() - started < timeout_s + 60
        assert gone(one.served_name) == []
        if what in str(caught.value) and "line 299" in str(caught.value):
            break
    lines = str(caught.value).splitlines()
    assert what in lines[0]
    assert "line 299" in lines[-2:]  # the last, or before the word of the one that hangs
    assert len(lines) == 1 + 200  # the message, and the last 200 lines


def test_a_port_that_somebody_else_took_is_noticed_before_the_key_is_told(server):
    heard = []

    def squat():
        squatter = held_port()
        squatter.listen()

        def listen():
            while True:
                try:
                    connection, _ = squatter.accept()
                except OSError:
                    return
                heard.append(connection.recv(4096))
                connection.close()

        threading.Thread(target=listen, daemon=True).start()
        return squatter

    one = server(draw_port=squat, hang=True)
    with pytest.raises(ServerFailed, match="held by a process that is not ours"):
        one.ready()
    assert heard == []


def test_a_server_that_dies_is_started_once_more(server):
    one = server(engine="plain")
    one.ready()
    first, address = one.served_name, one.address
    os.kill(served_pid(one), signal.SIGKILL)
    assert gone(first) == []  # the engine, too
    until_down(one)
    one.ready()
    assert (one.restarts, one.served_name == first, one.address == address) == (1, False, False)
    assert chat(one, "again")["choices"][0]["message"]["content"] == "again"
    os.kill(served_pid(one), signal.SIGKILL)
    assert gone(one.served_name) == []
    until_down(one)
    with pytest.raises(ServerFailed, match=r"died again .*status 137"):
        one.ready()
    assert one.restarts == 1


def served_pid(server):
    """The pid of the stand-in itself: not the warden, not the engine."""
    mark = b"--served-model-name"
    for pid in leftovers.processes(server.served_name):
        argv = Path(f"/proc/{pid}/cmdline").read_bytes()
        if mark in argv:
            return pid
    raise AssertionError("the stand-in does not run")


@pytest.mark.slow
def test_a_stubborn_engine_in_a_session_of_its_own_goes_too(server):
    one = server(engine="stubborn")
    one.ready()
    one.stop()
    assert gone(one.served_name) == []


def test_stopping_interrupts_a_start(server):
    one = server(engine_hangs=True)
    future = one.readying()
    until(lambda: "a completion hangs" in one.log())
    started = time.monotonic()
    one.stop()
    assert time.monotonic() - started < 60  # of the two minutes that it would go on
    with pytest.raises(ServerFailed):
        future.result(timeout=60)
    assert gone(one.served_name) == []


def test_a_start_is_shared_and_does_not_block(server):
    one = server()
    first, second = one.readying(), one.readying()
    assert first is second
    first.result()
    assert one.readying() is first


def test_what_the_user_must_mend_is_found_before_anything_starts(server):
    one = server()
    (Path(one.options.model) / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"no \.safetensors file"):
        one.ready()
    assert one.pid is None


PARENT = """
import sys, time
from evalkit.serving.build import VllmBuild
from evalkit.serving.options import ServerOptions
from evalkit.serving.server import Server
server = Server(
    ServerOptions(model=sys.argv[1]),
    VllmBuild(python=sys.argv[2], version="0", device="cpu"),
)
if sys.argv[3] == "thread":
    import threading
    started = threading.Thread(target=server.ready)
    started.start()
    started.join()
else:
    server.ready()
print(server.served_name, server.pid, flush=True)
time.sleep(600)
"""


def started_elsewhere(model, python, how="main"):
    """A process that runs a server, the server's nonce, and its warden's pid."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(model), str(python), how],
        stdout=subprocess.PIPE,
        text=True,
    )
    nonce, pid = parent.stdout.readline().split()
    return parent, nonce, int(pid)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["plain", "stubborn"])
def test_no_orphan_after_kill_9_of_the_parent(standin_python, standin_model, engine):
    parent, nonce, _ = started_elsewhere(standin_model(engine=engine), standin_python)
    with parent:
        assert len(leftovers.processes(nonce)) == 3
        parent.kill()
    assert gone(nonce) == []


def test_the_end_of_the_thread_that_started_it_is_not_the_end_of_a_server(
    standin_python, standin_model
):
    """A parent-death signal counts threads as parents; thread pools end theirs."""
    parent, nonce, _ = started_elsewhere(standin_model(), standin_python, "thread")
    with parent:
        time.sleep(0.5)
        assert len(leftovers.processes(nonce)) == 2
        parent.kill()
    assert gone(nonce) == []


def test_what_survives_a_killed_warden_goes_at_the_next_start(
    server, standin_python, standin_model, tmp_path, monkeypatch
):
    """Parent and warden are killed at once: only the engine is left, until somebody starts.

    The notes lie in a folder of this test's own: any start on the machine sweeps the usual one.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    parent, nonce, warden = started_elsewhere(standin_model(engine="plain"), standin_python)
    with parent:
        # The warden first, while the parent can do nothing about it: one that sees its parent's end
        # before its own ends the engine, as it should.
        parent.send_signal(signal.SIGSTOP)
        until(lambda: stat_fields(parent.pid)[0] == "T")
        os.kill(warden, signal.SIGKILL)
        parent.kill()
    until(lambda: len(leftovers.processes(nonce)) <= 1)
    assert len(leftovers.processes(nonce)) == 1
    server().ready()
    assert gone(nonce) == []


def test_a_held_port_is_nobody_elses():
    with held_port() as held, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(held.getsockname())
