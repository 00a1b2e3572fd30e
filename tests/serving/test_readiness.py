"""What keeps a server from counting as ready; the whole way is in test_server.py."""

from __future__ import annotations

import socket
import time

import pytest

from evalkit.errors import ServerFailed
from evalkit.serving.http import Address
from evalkit.serving.readiness import Waiting, check_exposure


def waiting(port, *, seconds=0.5):
    address = Address(root=f"http://127.0.0.1:{port}", key="k")
    deadline = time.monotonic() + seconds
    return Waiting(address, port=port, nonce="no-such-nonce", deadline=deadline)


def test_nobody_listening_is_waited_for_until_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(ServerFailed, match="deadline passed: its model was not listed"):
        waiting(port).run(lambda: None)


def test_a_wait_that_has_become_pointless_ends_at_once():
    def still_on():
        raise ServerFailed("it ended")

    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(ServerFailed, match="it ended"):
        waiting(port, seconds=600).run(still_on)
    assert time.monotonic() - started < 60


def test_a_listener_of_another_process_is_not_ours():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerFailed, match="held by a process that is not ours"):
            waiting(port, seconds=600).run(lambda: None)
        with pytest.raises(ServerFailed, match="shared with a process"):
            check_exposure(port, "no-such-nonce")
