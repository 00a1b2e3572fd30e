"""What is swept up is ours by its nonce and its time, and nothing else is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import pytest

from evalkit.errors import ConfigError
from evalkit.serving import leftovers
from evalkit.serving.command import NONCE_VARIABLE
from evalkit.serving.warden import start_ticks


@pytest.fixture
def sleeper():
    """Starts a process that carries a nonce."""
    made = []

    def start(nonce):
        command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
        made.append(subprocess.Popen(command, env={NONCE_VARIABLE: nonce}, stdout=subprocess.PIPE))
        made[-1].stdout.readline()
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


def note(folder, nonce, *, warden, server):
    path = folder / f"{nonce}.json"
    path.write_text(json.dumps({"nonce": nonce, "warden": warden, "server": server}))
    return path


def who(pid, later=0):
    return {"pid": pid, "start": start_ticks(pid) + later}


DEAD = {"pid": 2**22 + 1, "start": 1}


def test_what_a_dead_warden_left_is_ended(sleeper, tmp_path):
    left, other = sleeper("mine"), sleeper("other")
    path = note(tmp_path, "mine", warden=DEAD, server=who(left.pid))
    assert leftovers.sweep(tmp_path) == (left.pid,)
    assert left.wait(60) == -9
    assert other.poll() is None
    assert not path.exists()


def test_a_warden_that_lives_does_its_own_sweeping(sleeper, tmp_path):
    left = sleeper("mine")
    path = note(tmp_path, "mine", warden=who(os.getpid()), server=who(left.pid))
    assert leftovers.sweep(tmp_path) == ()
    assert (left.poll(), path.exists()) == (None, True)


def test_a_pid_that_is_somebody_elses_by_now_is_no_warden(sleeper, tmp_path):
    left = sleeper("mine")
    note(tmp_path, "mine", warden=who(os.getpid(), later=-1), server=who(left.pid))
    assert leftovers.sweep(tmp_path) == (left.pid,)


def test_a_process_from_before_the_server_is_spared(sleeper, tmp_path):
    left = sleeper("mine")
    note(tmp_path, "mine", warden=DEAD, server=who(left.pid, later=+1000))
    assert leftovers.sweep(tmp_path) == ()
    assert left.poll() is None


@pytest.mark.parametrize("text", ["", "[]", '{"nonce": "x"}', '{"nonce": "x", "warden": 3}'])
def test_half_a_note_is_nobodys(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    assert leftovers.sweep(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_must_be_ours_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = leftovers.notes_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="only this user"):
        leftovers.notes_folder()
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="only this user"):
        leftovers.notes_folder()
