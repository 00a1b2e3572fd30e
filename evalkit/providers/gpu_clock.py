"""What a request to a server of one's own costs: its share of the GPU time that is paid anyway.

A server batches: ten requests at once take little longer than one. So the time in which any request
runs is what is paid, and each request gets an equal part of every instant in which it runs
(processor sharing). The shares add up to that busy time exactly: nothing is charged twice, and the
idle time between requests is nobody's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRate:
    """What the hardware costs: US dollars an hour for each GPU, and how many serve the model."""

    usd_per_hour: float
    gpus: int = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.usd_per_hour < float("inf"):
            raise ValueError(f"usd_per_hour must be 0 or more, got {self.usd_per_hour!r}")
        if self.gpus < 1:
            raise ValueError(f"gpus must be 1 or more, got {self.gpus!r}")

    @property
    def usd_per_second(self) -> float:
        """Of all GPUs together."""
        return self.usd_per_hour * self.gpus / SECONDS_PER_HOUR

    @property
    def table(self) -> str:
        """How a run names this price, as `Price.table` does."""
        return f"usd-per-gpu-hour:{self.usd_per_hour!r}x{self.gpus}"


@dataclass(slots=True, eq=False)
class Share:
    """One request's part of the busy time; 0 until the request has ended."""

    rate: GpuRate
    seconds: float = 0.0

    @property
    def usd(self) -> float:
        """The part in US dollars."""
        return self.seconds * self.rate.usd_per_second


@dataclass(slots=True, eq=False)
class GpuClock:
    """Divides the busy time of one server among its requests; for any number of threads.

    `now` gives seconds that never go back.
    """

    rate: GpuRate
    now: Callable[[], float] = time.monotonic
    _running: int = field(default=0, init=False)
    _last: float = field(default=0, init=False)
    _busy: float = field(default=0, init=False)
    _each: float = field(default=0, init=False)
    """What a request that had run since the beginning would have by now: the integral of 1/k."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def busy_s(self) -> float:
        """Seconds in which at least one request ran, up to the last begin or end of one."""
        return self._busy

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Around one request, failed ones too: the GPU worked on them all the same."""
        share = Share(self.rate)
        begun = self._changed(+1)
        try:
            yield share
        finally:
            share.seconds = self._changed(-1) - begun

    def _changed(self, by: int) -> float:
        with self._lock:
            now = self.now()
            if self._running:
                passed = now - self._last
                self._busy += passed
                self._each += passed / self._running
            self._last = now
            self._running += by
            return self._each
