"""The few requests that serving makes."""

from __future__ import annotations

import pytest

from evalkit.serving.http import Address, request


def test_a_key_is_sent_and_never_shown(server):
    one = server()
    one.ready()
    assert request(one.address, "/v1/models", timeout_s=60).json()["data"]
    assert request(one.address, "/v1/models", timeout_s=60, key="other").status == 401
    assert request(one.address, "/v1/models", timeout_s=60, key="").status == 401
    assert one.address.key not in f"{one.address!r}{one.address}"
    assert one.address.base_url == f"{one.address.root}/v1"


def test_nobody_there_is_an_os_error():
    with pytest.raises(OSError, match="refused"):
        request(Address(root="http://127.0.0.1:9"), "/", timeout_s=1)


def test_a_proxy_of_the_environment_is_not_asked(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    one = server()
    one.ready()
    assert request(one.address, "/version", timeout_s=60).status == 200
