"""What holds for every test: no network, no keys, nothing of the caller's, one seed."""

from __future__ import annotations

import ipaddress
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

settings.register_profile(
    "repeatable",
    derandomize=True,  # a red build must be red again
    deadline=None,  # how fast the machine is today is not a property of the code
    suppress_health_check=[HealthCheck.too_slow],  # as above
    database=None,
)
settings.register_profile("fast", settings.get_profile("repeatable"), max_examples=25)
settings.load_profile("repeatable")

SEED = 20261122
KEYS = ("ANTHROPIC_API_KEY", "HF_TOKEN", "OPENAI_API_KEY")

CALLERS = frozenset(
    "all_proxy build_number ci clicolor clicolor_force force_color ftp_proxy http_proxy "
    "https_proxy no_color no_proxy py_colors pytest_addopts pytest_plugins pythonwarnings".split()
)
CALLERS_BEGIN = ("git_", "github_")
"""What a shell, a CI server or a git hook tells all programs, in lower case."""

PINNED = {
    "COLUMNS": "80",
    "LINES": "24",
    # A repository that a test makes is not the caller's: it signs nothing and calls no hooks.
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "commit.gpgSign",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "core.hooksPath",
    "GIT_CONFIG_VALUE_1": os.devnull,
}


class NetworkBlocked(RuntimeError):
    """A test tried to leave this machine.

    Not an `OSError`: code that retries or reports connection errors must not swallow it.
    """


def leaves_this_machine(address: object) -> bool:
    """Whether a socket address, or the host of one, is anything but loopback or a local path."""
    if isinstance(address, tuple):
        address = address[0]
    if address in {None, "", "localhost"} or not isinstance(address, str):
        return False
    try:
        return not ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return True


def guarded(call: Callable[..., Any], address_of: Callable[..., object]) -> Callable[..., Any]:
    def checked(*args: Any, **kwargs: Any) -> Any:
        address = address_of(*args, **kwargs)
        if leaves_this_machine(address):
            raise NetworkBlocked(f"tests stay on this machine; something asked for {address!r}")
        return call(*args, **kwargs)

    return checked


def peer(sock: socket.socket, *args: object) -> object:
    """The address of `connect(address)` and `sendto(data, [flags,] address)`; none for AF_UNIX."""
    return None if sock.family == getattr(socket, "AF_UNIX", None) else args[-1]


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name), peer))
        resolve = guarded(socket.getaddrinfo, lambda host, *_args, **_kwargs: _text(host))
        patch.setattr(socket, "getaddrinfo", resolve)
        yield


def _text(host: object) -> object:
    return host.decode() if isinstance(host, bytes) else host


@pytest.fixture(scope="session", autouse=True)
def no_keys() -> Iterator[None]:
    """A test that needs a key sets its own: what the machine has must not matter, or be spent."""
    with pytest.MonkeyPatch.context() as patch:
        for name in KEYS:
            if name in os.environ:
                patch.delenv(name)
        yield


def is_callers(name: str) -> bool:
    """Whether a variable says something of who started the tests, and nothing of the tests."""
    return name.lower() in CALLERS or name.lower().startswith(CALLERS_BEGIN)


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_callers() -> Iterator[None]:
    """A terminal, a CI server, a proxy and a git hook make no test red, nor green.

    Programs that tests start are told the same.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(is_callers, list(os.environ)):
            patch.delenv(name)
        for name, value in PINNED.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Code that draws from a global state does so from the same state in every test."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002  # evalkit has its own generators; third parties may not


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The tiny project of tests/plugin, to be run in this process; its modules go with it."""
    from tests.plugin.conftest import Tiny, write_project

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)  # put back afterwards, with what the engine adds
    sys.modules.pop("app", None)
    yield write_project(Tiny(tmp_path, pytester=None))
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
