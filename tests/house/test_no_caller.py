"""What the shell, terminal or CI server that starts the tests says is not heard by them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.conftest import PINNED, is_callers


@pytest.mark.parametrize(
    "name", ["CI", "GITHUB_ACTIONS", "GIT_DIR", "NO_COLOR", "PYTEST_ADDOPTS", "http_proxy"]
)
def test_what_a_caller_tells_all_programs_is_his(name):
    assert is_callers(name)


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "EVALKIT_VLLM_PYTHON", "PYTEST_XDIST_WORKER", "CIRCLE", "TMPDIR"]
)
def test_what_tests_need_is_not(name):
    assert not is_callers(name)


def test_none_of_it_is_left():
    assert [name for name in os.environ if is_callers(name) and name not in PINNED] == []
    assert {name: os.environ[name] for name in PINNED} == PINNED


def test_a_terminal_is_eighty_columns_wide_whoever_has_it():
    assert shutil.get_terminal_size() == (80, 24)


def test_a_commit_of_a_test_is_not_signed_as_the_callers_are(tmp_path, monkeypatch):
    """His settings demand a signature, by a program that fails; without ours no commit is made."""
    (tmp_path / ".gitconfig").write_text("[commit]\ngpgSign = true\n[gpg]\nprogram = false\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    subprocess.run(["git", "init", "-q", tmp_path / "r"], check=True)
    commit = ["git", "-c", "user.name=ada", "-c", "user.email=a@example.org", "commit", "-qm", "a"]

    def committed():
        command = [*commit, "--allow-empty"]
        return subprocess.run(command, cwd=tmp_path / "r", capture_output=True, check=False)

    assert committed().returncode == 0
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    assert committed().returncode != 0
