"""The guard of `tests/conftest.py` holds, and holds nothing else."""

from __future__ import annotations

import socket

import pytest


# 192.0.2.0/24 and 2001:db8::/32 are reserved for documentation (RFC 5737, RFC 3849).
@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, ("192.0.2.1", 9)), (socket.AF_INET6, ("2001:db8::1", 9, 0, 0))],
)
def test_connecting_elsewhere_is_refused(family, address):
    with (
        socket.socket(family, socket.SOCK_STREAM) as sock,
        pytest.raises(RuntimeError, match="tests stay on this machine"),
    ):
        sock.connect(address)


def test_a_datagram_to_elsewhere_is_refused():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(RuntimeError, match="tests stay on this machine"),
    ):
        sock.sendto(b"hello", ("192.0.2.1", 9))


@pytest.mark.parametrize("host", ["example.org", b"example.org"])
def test_asking_for_an_address_elsewhere_is_refused(host):
    with pytest.raises(RuntimeError, match="tests stay on this machine"):
        socket.getaddrinfo(host, 443)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_this_machine_can_be_reached(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((host, port), timeout=60) as client:
            assert client.getpeername()[1] == port
