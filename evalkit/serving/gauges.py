"""A vLLM server's own gauges, sampled while we use it.

vLLM counts for all who call it and from its own start: what is kept are differences between two
samples, and of levels the largest seen. A counter that went down belongs to a new process.
"""

from __future__ import annotations

import http.client
import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evalkit.records import ServerRecord
from evalkit.serving.http import Address, request
from evalkit.serving.identity import Identity, fingerprint

FIRST_AFTER_S = 0.1
EVERY_S = 1.0
"""Between samples; the first ones of a busy time follow faster, each after twice as long."""

TIMEOUT_S = 5.0

LEVELS = {
    "kv_cache": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
    "running": ("vllm:num_requests_running",),
    "waiting": ("vllm:num_requests_waiting",),
}
COUNTERS = {
    "preemptions": "vllm:num_preemptions",
    "prefix_queries": "vllm:prefix_cache_queries",
    "prefix_hits": "vllm:prefix_cache_hits",
    "prompt_tokens": "vllm:prompt_tokens",
    "generation_tokens": "vllm:generation_tokens",
}
_LINE = re.compile(r"^(vllm:\w+)(?:\{[^}]*\})? (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The gauges at one instant, engines taken together: levels by name, counters by name."""

    levels: dict[str, float]
    counters: dict[str, int]


def parsed(text: str) -> Sample:
    """The sample in the text of `/metrics`. What the server does not tell counts as 0.

    Several engines add up, except the share of the KV cache, of which the fullest counts.
    """
    values: dict[str, list[float]] = {}
    for name, number in _LINE.findall(text):
        try:
            value = float(number)
        except ValueError:
            continue
        if math.isfinite(value):
            values.setdefault(name, []).append(value)
    levels = {
        name: (max if name == "kv_cache" else sum)(_first(values, sources))
        for name, sources in LEVELS.items()
    }
    levels["kv_cache"] = min(1.0, levels["kv_cache"])
    counters = {
        name: int(sum(_first(values, (f"{source}_total", source))))
        for name, source in COUNTERS.items()
    }
    return Sample(levels=levels, counters=counters)


def _first(values: dict[str, list[float]], names: tuple[str, ...]) -> list[float]:
    return next((values[name] for name in names if name in values), [0.0])


class Gauges:
    """Samples one server while it is in use, in a thread of its own.

    `address` gives None while there is no server to ask.
    """

    def __init__(self, address: Callable[[], Address | None]) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._busy = threading.Event()
        self._in_use = 0
        self._since = 0.0
        self._busy_s = 0.0
        self._samples = 0
        self._peaks = dict.fromkeys(LEVELS, 0.0)
        self._totals = dict.fromkeys(COUNTERS, 0)
        self._last: dict[str, int] | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Take what the server counted up to now as the zero point; call again after a restart."""
        self._last = None
        self.sample()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="vllm-gauges", daemon=True)
            self._thread.start()

    @contextmanager
    def used(self) -> Iterator[None]:
        """One request of ours in flight."""
        with self._lock:
            self._in_use += 1
            if self._in_use == 1:
                self._since = time.monotonic()
                self._busy.set()
        try:
            yield
        finally:
            with self._lock:
                self._in_use -= 1
                if not self._in_use:
                    self._busy_s += time.monotonic() - self._since
                    self._busy.clear()

    def sample(self) -> None:
        """Read the gauges now; a server that does not answer is sampled another time."""
        address = self._address()
        if address is None:
            return
        try:
            reply = request(address, "/metrics", timeout_s=TIMEOUT_S)
        except (OSError, http.client.HTTPException):
            return
        if reply.status == 200:
            self._take(parsed(reply.body.decode("utf-8", "replace")))

    def _take(self, sample: Sample) -> None:
        with self._lock:
            if self._in_use:
                self._samples += 1
                for name, level in sample.levels.items():
                    self._peaks[name] = max(self._peaks[name], level)
            if self._last is not None:
                for name, count in sample.counters.items():
                    before = self._last[name]
                    self._totals[name] += count - before if count >= before else count
            self._last = sample.counters

    def _run(self) -> None:
        while not self._ended.is_set():
            # In turns: a thread that waits for ever would hold a server that nobody needs.
            if not self._busy.wait(timeout=1.0):
                continue
            pause_s = FIRST_AFTER_S
            self._ended.wait(pause_s)
            while self._busy.is_set() and not self._ended.is_set():
                self.sample()
                pause_s = min(2 * pause_s, EVERY_S)
                self._ended.wait(pause_s)

    def end(self) -> None:
        """Take a last sample and stop sampling."""
        if not self._ended.is_set():
            self.sample()
            self._ended.set()

    def record(self, target: Identity, *, startup_s: float, restarts: int) -> ServerRecord:
        """What was seen until now."""
        if not self._ended.is_set():
            self.sample()
        with self._lock:
            running = time.monotonic() - self._since if self._in_use else 0.0
            return ServerRecord(
                fingerprint=fingerprint(target),
                target=target,
                startup_s=round(startup_s, 3),
                restarts=restarts,
                samples=self._samples,
                peak_kv_cache=round(self._peaks["kv_cache"], 6),
                peak_running=round(self._peaks["running"]),
                peak_waiting=round(self._peaks["waiting"]),
                busy_s=round(self._busy_s + running, 3),
                **self._totals,
            )
