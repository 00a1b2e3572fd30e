"""A build is what its interpreter's metadata says, or the operator."""

from __future__ import annotations

import sys

import pytest

from evalkit.errors import ConfigError
from evalkit.serving.build import DEVICE_VARIABLE, PYTHON_VARIABLE, installed_build


def test_the_environment_names_the_interpreter(standin_python, monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, str(standin_python))
    found = installed_build()
    assert (found.python, found.version, found.device) == (str(standin_python), "0.0.1", "cpu")
    monkeypatch.setenv(DEVICE_VARIABLE, "gpu")
    assert installed_build().device == "gpu"
    monkeypatch.setenv(DEVICE_VARIABLE, "tpu")
    with pytest.raises(ConfigError, match="Allowed: cpu, gpu"):
        installed_build()


def test_an_interpreter_without_vllm_is_the_users_to_mend(monkeypatch):
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match=r"no vLLM.*EVALKIT_VLLM_PYTHON.*base_url") as caught:
        installed_build()
    assert sys.executable in str(caught.value)


@pytest.mark.parametrize("python", ["/no/such/python", "/bin/cat"])
def test_what_is_no_interpreter_is_said(monkeypatch, python):
    monkeypatch.setenv(PYTHON_VARIABLE, python)
    with pytest.raises(ConfigError, match="no Python interpreter"):
        installed_build()


def test_a_relative_interpreter_is_found_from_elsewhere(standin_python, monkeypatch, tmp_path):
    """The server runs in another folder; a link, as environments have them, stays a link."""
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "python").symlink_to(standin_python)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PYTHON_VARIABLE, "env/python")
    assert installed_build().python == str(tmp_path / "env" / "python")
