"""Who records: our own branches, never a fork, and nobody who does not say."""

from __future__ import annotations

import json

import pytest

from evalkit.calls.fork import refuse_on_fork
from evalkit.errors import ConfigError


def event(tmp_path, name, payload):
    path = tmp_path / "event.json"
    path.write_text(json.dumps(payload), "utf-8")
    return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}


def pull(head, base="us/app"):
    repo = None if head is None else {"full_name": head}
    return {"pull_request": {"head": {"repo": repo}, "base": {"repo": {"full_name": base}}}}


FORKED_RUN = {
    "workflow_run": {"head_repository": {"full_name": "them/app"}},
    "repository": {"full_name": "us/app"},
}


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", pull("them/app")),
        ("pull_request_target", pull("them/app")),
        ("pull_request_review", pull("them/app")),
        ("pull_request", pull(None)),  # the fork is deleted
        ("pull_request", {}),
        ("pull_request", []),
        ("workflow_run", FORKED_RUN),
    ],
)
def test_a_fork_records_nothing(tmp_path, name, payload):
    """What a stranger's code records would be replayed as the truth."""
    with pytest.raises(ConfigError, match="recording is refused"):
        refuse_on_fork(event(tmp_path, name, payload))


@pytest.mark.parametrize("path", [None, "no such file"])
def test_a_pull_request_that_does_not_say_whose_it_is_counts_as_a_fork(tmp_path, path):
    environ = {"GITHUB_EVENT_NAME": "pull_request"}
    if path is not None:
        environ["GITHUB_EVENT_PATH"] = str(tmp_path / path)
    with pytest.raises(ConfigError, match="an unknown repository"):
        refuse_on_fork(environ)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", pull("us/app")),
        ("push", {}),
        ("schedule", {}),
        ("workflow_run", {**FORKED_RUN, "repository": {"full_name": "them/app"}}),
    ],
)
def test_our_own_branches_record(tmp_path, name, payload):
    refuse_on_fork(event(tmp_path, name, payload))


def test_recording_outside_github_asks_nobody():
    refuse_on_fork({})
