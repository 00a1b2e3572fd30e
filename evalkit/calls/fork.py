"""Pull requests from forks: what a stranger's code leaves behind is not kept as the truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit import codec
from evalkit.errors import ConfigError, DataError, Problem


def refuse_on_fork(environ: Mapping[str, str]) -> None:
    """Raise `ConfigError` in a GitHub workflow that runs for a pull request from a fork.

    What it records is chosen by someone outside, and would be replayed as the truth later. An
    event that should say where it comes from, and does not, is taken for a fork's.
    """
    event = environ.get("GITHUB_EVENT_NAME", "")
    if not event.startswith("pull_request") and event != "workflow_run":
        return
    try:
        path = Path(environ["GITHUB_EVENT_PATH"])
        payload = codec.loads_strict(path.read_bytes(), where=str(path))
        if event == "workflow_run":
            head = payload["workflow_run"]["head_repository"]["full_name"]
            base = payload["repository"]["full_name"]
        else:
            head = payload["pull_request"]["head"]["repo"]["full_name"]
            base = payload["pull_request"]["base"]["repo"]["full_name"]
    except (OSError, KeyError, TypeError, DataError):
        head, base = "an unknown repository", ""
    if head != base:
        what = f"recording is refused for a pull request from {head}: a fork; replay instead"
        raise ConfigError([Problem(where=f"GITHUB_EVENT_NAME={event}", what=what)])
