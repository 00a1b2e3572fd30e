"""A server that runs already is asked what it serves, and left running."""

from __future__ import annotations

import pytest

from evalkit.errors import ConfigError, ServerFailed
from evalkit.serving.attached import AttachedServer


@pytest.fixture
def theirs(server, monkeypatch):
    one = server()
    one.ready()
    monkeypatch.setenv("THEIR_KEY", one.address.key)
    return one


def attached(theirs, **options):
    given = {"model": theirs.served_name, "api_key_env": "THEIR_KEY"} | options
    return AttachedServer(theirs.address.base_url, **given)


def test_what_it_serves_is_asked_once_and_holds_no_address(theirs):
    one = attached(theirs, declared=(("quantization", "awq"),))
    assert one.served_name == theirs.served_name
    assert one.readying().result() is None
    found = dict(one.identity)
    assert (found["vllm"], found["quantization"], found["max_model_len"]) == (
        "0.0.1", "awq", "2048",
    )  # fmt: skip
    port = theirs.address.root.rpartition(":")[2]
    assert all(port not in value and "/" not in value for value in found.values())
    with one.used():
        pass
    assert one.record().startup_s == 0
    one.stop()
    assert theirs.is_up
    assert one.identity


def test_the_only_model_needs_no_name(theirs):
    assert attached(theirs, model="").served_name == theirs.served_name


def test_a_model_that_is_not_served_is_the_users_to_mend(theirs):
    with pytest.raises(ConfigError, match=f"Got 'other'. Allowed: {theirs.served_name}"):
        _ = attached(theirs, model="other").identity


def test_a_key_that_is_missing_or_wrong_is_the_users_to_mend(theirs, monkeypatch):
    monkeypatch.setenv("WRONG", "wrong-key")
    with pytest.raises(ConfigError, match="refuses the key"):
        _ = attached(theirs, api_key_env="WRONG").identity
    with pytest.raises(ConfigError, match="environment variable NOT_SET"):
        attached(theirs, api_key_env="NOT_SET")


def test_nobody_there_is_a_failed_server():
    with pytest.raises(ServerFailed, match="no vLLM answers"):
        _ = AttachedServer("http://127.0.0.1:9/v1").identity
