"""Who listens where, read from the kernel's tables and compared with sockets we made."""

from __future__ import annotations

import os
import socket

import pytest

from evalkit.serving.listeners import listeners, owned_by, parsed

# Rows as /proc/net/tcp and tcp6 print them, for the addresses named beside them.
ROW = (
    "  0: {address}:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0"
    "        0 4242 1 0000000000000000 100 0 0 10 0"
)
ADDRESSES = [
    ("0100007F", "127.0.0.1", True),
    ("00000000", "0.0.0.0", False),
    ("0200A8C0", "192.168.0.2", False),
    ("00000000000000000000000001000000", "::1", True),
    ("00000000000000000000000000000000", "::", False),
    ("0000000000000000FFFF00000100007F", "::ffff:7f00:1", True),
]


@pytest.mark.parametrize(("digits", "address", "loopback"), ADDRESSES)
def test_a_row_is_an_address_a_port_and_an_inode(digits, address, loopback):
    (found,) = parsed("header\n" + ROW.format(address=digits, state="0A"))
    assert (found.port, found.inode, found.is_loopback) == (8080, 4242, loopback)
    assert found.address == address or found.address.endswith("127.0.0.1")


def test_a_connection_is_no_listener():
    assert list(parsed("header\n" + ROW.format(address="0100007F", state="01"))) == []


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_our_own_socket_is_found_and_is_ours(family, host):
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        (found,) = [one for one in listeners() if one.port == port]
        assert (found.address, found.is_loopback) == (host, True)
        assert found.inode in owned_by([os.getpid()])
        assert found.inode not in owned_by([os.getppid()])


def test_a_process_that_is_gone_owns_nothing():
    assert owned_by([2**22 + 1]) == frozenset()
