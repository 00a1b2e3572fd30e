"""How many requests are on their way to an endpoint at once.

Slow start doubles the limit per clean round until the endpoint first refuses a request for its
rate; from then on the limit grows by a twentieth (at least 1) per clean round, and shrinks to four
fifths once per episode of refusals. A round is as many first-time successes as the limit. It counts
only if the requests in flight came near the limit: what was never tried proves nothing. Timeouts
and server faults say nothing about the rate; they start the round again. Successes after a retry
say nothing either.

Source: additive increase, multiplicative decrease with the refinements that Inspect AI's
`design/adaptive-concurrency.md` gives.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from evalkit.errors import ProviderError, ProviderTimeout, RateLimited
from evalkit.providers.protocol import Limits

Outcome = Literal["clean", "neutral", "faulty", "limited"]
"""What a finished request says about its endpoint: a first-time success, nothing, a fault, 429."""

COOLDOWN_S = 15.0
MAX_COOLDOWN_S = 300.0
"""A provider that asks for a day of silence does not stop growth for the rest of the run."""

GROWTH = 0.05
CUT = 0.8
SATURATED = 0.8
"""Share of the limit that must have been in flight for a round to count."""


def outcome_of(error: BaseException) -> Outcome:
    """What a failed attempt says about its endpoint."""
    if isinstance(error, RateLimited):
        return "limited"
    # Refused requests and wrong keys are ours; only a fault without a kind of its own is theirs.
    return "faulty" if type(error) in (ProviderError, ProviderTimeout) else "neutral"


class Limiter:
    """The slots of one endpoint, first come, first served.

    For the tasks of one event loop. A task that is cancelled while it waits keeps no slot.
    """

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made_at = clock()
        self._adaptive = limits.adaptive
        self._most = limits.max
        self.limit = limits.start if limits.adaptive else limits.max
        self.in_flight = 0
        self.history: list[tuple[float, int]] = [(0.0, self.limit)]
        """(seconds since the limiter was made, the limit from then on)."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._slow_start = True
        self._successes = 0
        self._peak = 0
        self._cool_until = -math.inf

    @property
    def pressured(self) -> bool:
        """Whether the endpoint has lately refused requests for their rate."""
        return self._clock() < self._cool_until

    def narrow(self, limits: Limits) -> None:
        """Hold to what another model of the endpoint may at most."""
        self._most = min(self._most, limits.max)
        if self.limit > self._most:
            self._set(self._most)

    async def acquire(self) -> float:
        """Take a slot; the seconds waited for it. Give it back with `release`."""
        if self.in_flight < self.limit:  # so nobody waits: a free slot goes to whoever does
            self._take()
            return 0.0
        started = self._clock()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot came in the same moment
                self.in_flight -= 1
                self._wake()
            raise
        return self._clock() - started

    def release(self, outcome: Outcome, *, retry_after_s: float | None = None) -> None:
        """Give a slot back and learn from what became of its request."""
        if self._adaptive and outcome != "neutral":
            self._learn(outcome, retry_after_s)
        self.in_flight -= 1
        if self._waiting:
            self._wake()

    def _take(self) -> None:
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def _wake(self) -> None:
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)

    def _learn(self, outcome: Outcome, retry_after_s: float | None) -> None:
        now = self._clock()
        cooling = now < self._cool_until
        if outcome == "limited":
            least = 0.0 if cooling else COOLDOWN_S
            rest = min(max(least, retry_after_s or 0.0), MAX_COOLDOWN_S)
            self._cool_until = max(self._cool_until, now + rest)
            if not cooling:
                self._slow_start = False
                self._set(max(1, int(self.limit * CUT)))
            self._start_round()
        elif outcome == "faulty":
            self._start_round()
        elif not cooling:
            self._successes += 1
            if self._successes >= self.limit:
                self._end_round()

    def _end_round(self) -> None:
        saturated = self._peak >= SATURATED * self.limit
        if saturated and self.limit < self._most:
            step = self.limit if self._slow_start else max(1, round(self.limit * GROWTH))
            self._set(min(self._most, self.limit + step))
        self._start_round()

    def _start_round(self) -> None:
        self._successes = 0
        self._peak = self.in_flight - 1  # without the one that is being given back

    def _set(self, limit: int) -> None:
        if limit != self.limit:
            self.limit = limit
            self.history.append((round(self._clock() - self._made_at, 3), limit))
