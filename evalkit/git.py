"""What git says of a project."""

from __future__ import annotations

import subprocess
from pathlib import Path


def said(folder: Path, *arguments: str) -> str | None:
    """What git prints, whole; None where there is no git, no repository or no answer."""
    try:
        return subprocess.run(  # noqa: S603  # no shell; paths among the arguments are checked ones
            ["git", *arguments],  # noqa: S607  # the user's git, wherever it is installed
            cwd=folder, capture_output=True, check=True, encoding="utf-8", errors="replace",
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None


BASELINES = ":(exclude,top,glob)**/reports/baselines/**"
"""What git leaves out: the baselines of a project, wherever it stands in the repository."""


def commit(folder: Path) -> str:
    """The checked-out commit, with `+` where tracked files differ from it; empty outside git.

    Baselines are left out: they came out of a commit. Of several promoted at once, the first would
    otherwise make a difference for the next.
    """
    head = (said(folder, "rev-parse", "--short=12", "HEAD") or "").strip()
    status = ("status", "--porcelain", "--untracked-files=no", "--", BASELINES)
    dirty = (said(folder, *status) or "").strip()
    return head + ("+" if head and dirty else "")


def user(folder: Path) -> str:
    """Who commits here, by name."""
    return (said(folder, "config", "user.name") or "").strip() or "unknown"
