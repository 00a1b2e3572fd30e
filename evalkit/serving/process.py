"""One life of a server: a warden, the processes under it, and their last words."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.serving import leftovers, warden

LOG_LINES = 200
LINE_CHARACTERS = 2_000
GRACE_S = 5.0
"""Between SIGTERM and SIGKILL: vLLM ends within 2 s, and a graceful end loses nothing of ours."""


class ServerProcess:
    """A server's processes, from their start to `end`, which is safe to call again.

    Raises `OSError` when not even the warden can be started. The log is read as it comes, so that a
    full pipe never stops a server; `secrets` never show in it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        nonce: str,
        folder: Path,
        secrets: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._secrets = tuple(secrets)
        self._lines: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self._owner = os.getpid()
        self._popen = subprocess.Popen(  # noqa: S603 - a list from an allow-list, no shell
            [sys.executable, "-I", "-S", warden.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(environment),
            start_new_session=True,  # Ctrl-C is for evalkit, which then ends this in order
        )
        job = {
            "argv": list(argv),
            "nonce": nonce,
            "note": str(folder / f"{nonce}.json"),
            "grace_s": GRACE_S,
        }
        self._reader = threading.Thread(target=self._read, name="vllm-log", daemon=True)
        self._reader.start()
        assert self._popen.stdin is not None  # noqa: S101 - as asked for above
        with contextlib.suppress(OSError):  # it died at once: `is_alive` says so
            self._popen.stdin.write(json.dumps(job).encode() + b"\n")
            self._popen.stdin.flush()

    @property
    def pid(self) -> int:
        """The warden's pid."""
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        """Whether the warden is: it ends when the server does."""
        return self._popen.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status, 128 and more for a signal; None while it lives."""
        return self._popen.poll()

    def log(self) -> str:
        """The last lines that the server wrote, at most `LOG_LINES`."""
        return "\n".join(self._lines)

    def end(self) -> None:
        """Ask the warden to end everything, insist after its grace, sweep what is left."""
        if os.getpid() != self._owner:
            return  # a fork of this process must not end what is not its own
        with contextlib.suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        try:
            self._popen.wait(GRACE_S + 15)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        leftovers.sweep(self._folder)
        self._reader.join(timeout=5)
        with contextlib.suppress(OSError, ValueError):
            if self._popen.stdout is not None and not self._reader.is_alive():
                self._popen.stdout.close()

    def _read(self) -> None:
        assert self._popen.stdout is not None  # noqa: S101 - as asked for above
        with contextlib.suppress(OSError, ValueError):
            for line in iter(lambda: self._popen.stdout.readline(LINE_CHARACTERS), b""):  # type: ignore[union-attr]
                text = line.decode("utf-8", "replace").rstrip()
                for secret in self._secrets:
                    text = text.replace(secret, "[key]")
                if text:
                    self._lines.append(text)
