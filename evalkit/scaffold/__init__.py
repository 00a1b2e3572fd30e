"""`evalkit init`: a small working project, copied file by file, nothing overwritten."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from evalkit.errors import ConfigError, Problem

RENAMED = {"gitignore": ".gitignore"}
"""Stored without the dot, so that packaging tools do not take it for their own."""


def create(folder: Path) -> tuple[Path, ...]:
    """Write the example project into `folder` and return the files written.

    Raises `ConfigError` naming every file that already exists; then nothing is written.
    """
    source = files(__package__) / "files"
    plan = {folder / RENAMED.get(name, name): item for name, item in _walk(source)}
    taken = [path for path in plan if path.exists()]
    if taken:
        raise ConfigError(
            [Problem(where=str(path), what="exists; nothing was written") for path in taken]
        )
    for path, item in plan.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.read_bytes())
    return tuple(plan)


def _walk(folder: Traversable, prefix: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}{item.name}"
        found.extend(_walk(item, f"{name}/") if item.is_dir() else [(name, item)])
    return found
