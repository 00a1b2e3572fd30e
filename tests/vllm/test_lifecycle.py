"""What evalkit promises of a server, on real vLLM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.errors import ConfigError, ServerFailed
from evalkit.serving import leftovers
from evalkit.serving.build import installed_build
from evalkit.serving.http import Address, request
from evalkit.serving.options import ServerOptions
from evalkit.serving.server import Server, held_port
from tests.serving.conftest import gone, until

ENGINE = b"VLLM::EngineCore"


def argv_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def named(nonce, name):
    return [pid for pid in leftovers.processes(nonce) if name in argv_of(pid)]


def options(models, name="bf16", **others):
    return ServerOptions(model=str(models / name), max_model_len=2048, **others)


# ── ready, and ours ──────────────────────────────────────────────────────────────────────────────


def test_the_key_is_asked_for_and_a_wrong_one_refused(whole):
    root = whole.base_url.removesuffix("/v1")
    body = {"model": whole.model, "messages": [{"role": "user", "content": "hi"}]}
    for path, sent in (("/v1/models", None), ("/v1/chat/completions", body)):
        for key, status in ((whole.api_key, 200), ("wrong", 401), ("", 401)):
            address = Address(root=root, key=key)
            assert request(address, path, timeout_s=30, body=sent).status == status


def test_the_key_is_in_no_command_line(whole):
    pids = leftovers.processes(whole.model)
    assert len(pids) >= 4  # the warden, the API server, the engine, its worker
    assert named(whole.model, ENGINE) != []
    assert not any(whole.api_key.encode() in argv_of(pid) for pid in pids)
    assert whole.api_key not in whole.server.log()


CONNECT = """
import socket, sys
host, port = sys.argv[1:]
try:
    socket.create_connection((host, int(port)), timeout=3).close()
except OSError as error:
    print(type(error).__name__)
else:
    print("connected")
"""
OWN = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("192.0.2.1", 9))  # sends nothing: the system only chooses the address it would use
print(sock.getsockname()[0])
"""


def elsewhere(script, *arguments):
    """What a script prints in a process of its own: this one may not leave the loopback."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_it_cannot_be_reached_off_the_loopback(whole):
    """By connecting to this machine's own address, as a neighbour would."""
    port = whole.base_url.rpartition(":")[2].removesuffix("/v1")
    own = elsewhere(OWN)
    if not own:
        pytest.skip("this machine has no address besides the loopback")
    with socket.create_server(("0.0.0.0", 0)) as open_to_all:
        reachable = str(open_to_all.getsockname()[1])
        assert elsewhere(CONNECT, own, reachable) == "connected"
    assert elsewhere(CONNECT, "127.0.0.1", port) == "connected"
    assert elsewhere(CONNECT, own, port) == "ConnectionRefusedError"


def test_another_server_on_our_port_is_not_taken_for_ours(models):
    """vLLM is given a port where somebody listens, who never hears the key."""

    def squat():
        squatter = held_port()
        squatter.listen()
        return squatter

    one = Server(options(models), installed_build(), draw_port=squat)
    started = time.monotonic()
    with pytest.raises(ServerFailed, match="held by a process that is not ours"):
        one.ready()
    assert time.monotonic() - started < 60
    assert gone(one.served_name) == []


def test_a_hung_start_ends_at_its_deadline_with_the_log(models):
    """It is halted before it is ready, however fast the machine: as a hung start looks."""
    one = Server(options(models, start_timeout_s=8.0), installed_build())
    started = time.monotonic()
    start = one.readying()
    until(lambda: named(one.served_name, b"--served-model-name"))
    for pid in named(one.served_name, b"--served-model-name"):
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ServerFailed, match="the start deadline passed") as caught:
        start.result()
    assert 8 <= time.monotonic() - started < 8 + 60
    assert gone(one.served_name) == []
    assert "vLLM" in str(caught.value) or "wrote nothing" in str(caught.value)


def test_a_model_that_cannot_be_loaded_is_told_in_vllms_words(models, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in (models / "bf16").iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "config.json").write_text('{"model_type": "no such model"}')
    one = Server(ServerOptions(model=str(broken)), installed_build())
    with pytest.raises(ServerFailed, match=r"ended before it was ready \(status 1\)") as caught:
        one.ready()
    assert "no such model" in str(caught.value)
    assert gone(one.served_name) == []


@pytest.mark.parametrize("method", ["fp8", "bitsandbytes"])
def test_what_a_cpu_cannot_do_is_refused_at_once(models, method):
    one = Server(options(models, quantization=method), installed_build())
    with pytest.raises(ConfigError, match="CPU"):
        one.ready()
    assert one.pid is None


# ── kills ────────────────────────────────────────────────────────────────────────────────────────

PARENT = """
import sys, time
from evalkit.serving.build import installed_build
from evalkit.serving.options import ServerOptions
from evalkit.serving.server import Server
server = Server(ServerOptions(model=sys.argv[1], max_model_len=2048), installed_build())
future = server.readying()
while not (server.pid and server.served_name):
    time.sleep(0.01)
print(server.served_name, server.pid, flush=True)
future.result()
print("ready", flush=True)
time.sleep(600)
"""


class Parent:
    """A process that starts a server, to be killed."""

    def __init__(self, models):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(models / "bf16")], stdout=subprocess.PIPE, text=True
        )
        self.nonce, warden = self.process.stdout.readline().split()
        self.warden = int(warden)

    def wait_for(self, name, within_s=240.0):
        deadline = time.monotonic() + within_s
        while not named(self.nonce, name):
            assert time.monotonic() < deadline, f"no {name!r} within {within_s} s"
            assert self.process.poll() is None
            time.sleep(0.1)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


EARLY = [0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 9.0]


def test_kill_9_of_the_parent_leaves_no_orphan(models):
    """16 kills while it imports, 2 with the engine there, 1 under a killed warden, 1 when ready."""
    left, kills = {}, 0
    for delay_s in EARLY:
        parent = Parent(models)
        time.sleep(delay_s)
        assert leftovers.processes(parent.nonce) != []
        parent.kill()
        left[f"{delay_s} s"] = gone(parent.nonce)
        kills += 1
    for moment in (b"multiprocessing", ENGINE):
        parent = Parent(models)
        parent.wait_for(moment)
        parent.kill()
        left[moment] = gone(parent.nonce)
        kills += 1
    parent = Parent(models)
    parent.wait_for(ENGINE)
    engine = named(parent.nonce, ENGINE)
    os.kill(parent.warden, signal.SIGSTOP)  # it must not be faster than its own end
    parent.kill()
    os.kill(parent.warden, signal.SIGKILL)
    time.sleep(1)
    survived = leftovers.processes(parent.nonce)
    assert set(survived) & set(engine)  # an API server's death does not end the engine
    leftovers.sweep(leftovers.notes_folder())  # as the next start of any server does
    left["the warden, too"] = gone(parent.nonce)
    kills += 1
    parent = Parent(models)
    assert parent.process.stdout.readline() == "ready\n"
    assert len(leftovers.processes(parent.nonce)) >= 4
    parent.kill()
    left["ready"] = gone(parent.nonce)
    kills += 1
    assert kills == 20
    assert {moment: pids for moment, pids in left.items() if pids} == {}
