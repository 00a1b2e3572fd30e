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


def commit(folder: Path) -> str:
    """The checked-out commit, with `+` where tracked files differ from it; empty outside git."""
    head = (said(folder, "rev-parse", "--short=12", "HEAD") or "").strip()
    dirty = (said(folder, "status", "--porcelain", "--untracked-files=no") or "").strip()
    return head + ("+" if head and dirty else "")


def user(folder: Path) -> str:
    """Who commits here, by name."""
    return (said(folder, "config", "user.name") or "").strip() or "unknown"
