"""The process between evalkit and a server: whatever happens, it leaves no process behind.

Run as a file by evalkit's own interpreter, with the server's argv as JSON on its first line of
standard input and the server's environment as its own; it imports nothing but the standard
library. The server gets a session and process group of its own and a parent-death signal. The
warden ends it, with everything it started,

- when its standard input closes: evalkit asks so, or evalkit is no more, `kill -9` included;
- when its parent changes: as before, should a fork of evalkit still hold the pipe;
- when it is told to by SIGTERM, SIGINT or SIGHUP;
- when the server's first process ends, which leaves vLLM's engine running.

SIGTERM first, SIGKILL after a grace. Processes that leave the group come to the warden when their
parents die (it is a subreaper), and go the same way. Only a SIGKILL of the warden itself escapes:
then evalkit ends the group, and the next start of any server on this machine sweeps up by the file
in which the warden notes whom it watches (`leftovers`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TICK_S = 0.25


def main() -> int:
    """Watch one server until it is gone; its exit status, or 128 and its signal."""
    job = json.loads(sys.stdin.buffer.readline())
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    told: list[int] = []
    for number in stopping():
        signal.signal(number, lambda got, _frame: told.append(got))
    parent = os.getppid()
    server = launch(job["argv"])
    note = Path(job["note"])
    try:
        write_note(note, nonce=job["nonce"], server=server)
        status = watch(server, parent=parent, told=told)
    finally:
        end_all(server, grace_s=float(job["grace_s"]))
        note.unlink(missing_ok=True)
    return 128 - status if status is not None and status < 0 else status or 0


def stopping() -> tuple[signal.Signals, ...]:
    """The signals that ask to end; not a constant, because not every system has them all."""
    return (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def launch(argv: list[str]) -> int:
    """Start the server; its pid, which is its process group's, too."""
    warden = os.getpid()
    # Blocked until the child has no handlers of ours: else it would swallow an early SIGTERM.
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping())
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping())
        return pid
    try:  # the child: there is one thread, so that anything may be done before exec
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != warden:  # it died before the line above
            os._exit(1)
        for number in stopping():
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(argv[0], argv)  # noqa: S606 - a list from an allow-list, no shell
    except OSError as error:
        sys.stderr.write(f"cannot start {argv[0]}: {error}\n")
    finally:
        os._exit(127)


def watch(server: int, *, parent: int, told: list[int]) -> int | None:
    """Wait until the server ends (its status as `subprocess` counts) or must be ended (None)."""
    while not told and os.getppid() == parent:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == server:
            return os.waitstatus_to_exitcode(status)
        if ended:
            continue
        # A signal cuts select short only until Python has called its handler: hence the tick.
        readable, _, _ = select.select([0], [], [], TICK_S)
        if readable and not os.read(0, 4096):
            return None
    return None


def end_all(server: int, *, grace_s: float) -> None:
    """SIGTERM to the server's group, a grace, then SIGKILL until nothing of it is left."""
    deadline = time.monotonic() + grace_s
    if any_left():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server, signal.SIGTERM)
    while any_left() and time.monotonic() < deadline:
        time.sleep(0.02)
    while any_left():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server, signal.SIGKILL)
        for pid in children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def any_left() -> bool:
    """Whether a child is left, after the ended ones are reaped; orphans become children."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def children() -> list[int]:
    """The pids of this process's children."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                if int(stat_fields(int(entry.name))[1]) == os.getpid():
                    found.append(int(entry.name))
    return found


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command's name: state, parent, group and on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot: with the pid, its identity."""
    return int(stat_fields(pid)[19])


def write_note(note: Path, *, nonce: str, server: int) -> None:
    """Who is watched, in a file that only its owner reads; no key."""
    whom: dict[str, Any] = {"nonce": nonce}
    for name, pid in (("warden", os.getpid()), ("server", server)):
        with contextlib.suppress(OSError):
            whom[name] = {"pid": pid, "start": start_ticks(pid)}
    aside = note.with_suffix(".part")
    aside.write_text(json.dumps(whom), encoding="utf-8")
    aside.replace(note)


def prctl(option: int, value: int) -> None:
    """Set a property of this process. Linux only, as vLLM's servers are."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


if __name__ == "__main__":
    sys.exit(main())
