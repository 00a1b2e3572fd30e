"""Servers whose warden was killed: found by the notes that wardens leave, and ended.

A note names a warden and a server by pid and start time (a pid alone may be somebody else's by
now), and the server's nonce, which stands in the environment of each of its processes. Only a
process of this user that carries the nonce is ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evalkit.errors import ConfigError, Problem
from evalkit.serving.command import NONCE_VARIABLE
from evalkit.serving.warden import start_ticks, stat_fields


def notes_folder() -> Path:
    """The user's folder of notes, made on first use. Raises `ConfigError` if it is not ours."""
    folder = Path(tempfile.gettempdir()) / f"evalkit-servers-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if not private or found.st_uid != os.getuid():
        # The folder for temporary files is everybody's: somebody else could have been first.
        what = "must be a folder that only this user can read and write"
        raise ConfigError([Problem(where=str(folder), what=what)])
    return folder


def sweep(folder: Path) -> tuple[int, ...]:
    """End what servers without a warden have left; the pids that were ended."""
    ended: list[int] = []
    for note in sorted(folder.glob("*.json")):
        try:
            whom = json.loads(note.read_text(encoding="utf-8"))
            nonce, warden, server = whom["nonce"], whom["warden"], whom["server"]
            if _is_alive(warden["pid"], warden["start"]):
                continue  # it does its own sweeping
            since = int(server["start"])
        except (OSError, ValueError, KeyError, TypeError):
            # Written aside and renamed, so that half a note is nobody's.
            note.unlink(missing_ok=True)
            continue
        ended += _end(nonce, since)
        note.unlink(missing_ok=True)
    return tuple(ended)


def processes(nonce: str) -> list[int]:
    """The pids of this user's processes that carry the nonce, zombies not counted."""
    return [pid for pid, found in _carriers() if found == nonce]


def _end(nonce: str, since: int) -> list[int]:
    ended: list[int] = []
    for _ in range(10):  # one of them may start another while we look
        alive = [pid for pid in processes(nonce) if _started(pid) >= since]
        if not alive:
            break
        for pid in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                ended.append(pid)
    return sorted(set(ended))


def _carriers() -> Iterator[tuple[int, str]]:
    mark = f"{NONCE_VARIABLE}=".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if entry.stat().st_uid != os.getuid():
                continue
            for line in (entry / "environ").read_bytes().split(b"\0"):
                if line.startswith(mark):
                    yield int(entry.name), line.removeprefix(mark).decode("utf-8", "replace")


def _is_alive(pid: int, start: int) -> bool:
    return _started(pid) == start


def _started(pid: int) -> int:
    """When the process started, or -1 for one that is not there or only waits to be reaped."""
    try:
        return -1 if stat_fields(int(pid))[0] in "ZX" else start_ticks(int(pid))
    except (OSError, ValueError, IndexError):
        return -1
