"""When a failed request is sent again, after how long, and when that ends."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from evalkit.calls.limiter import Limiter, outcome_of
from evalkit.errors import (
    AuthFailed,
    BadRequest,
    NotRecorded,
    ProviderError,
    ProviderTimeout,
    ServerFailed,
)
from evalkit.scope import Scope

T = TypeVar("T")

FINAL = (BadRequest, AuthFailed, NotRecorded, ServerFailed)
"""Errors that the same request meets again; every other `ProviderError` may pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """At most `attempts` of a request, with pauses that double from `base_s` to `cap_s`.

    A pause is drawn evenly from [0, that] ("full jitter"), so that requests which failed together
    do not come back together. Where the provider says how long to wait, that is waited, and a
    little of the jitter. `attempt_timeout_s` bounds one attempt, `total_timeout_s` the attempts and
    pauses of one request; waiting for our own concurrency limit is no part of either.
    """

    attempts: int = 5
    base_s: float = 0.5
    cap_s: float = 30.0
    attempt_timeout_s: float = 120.0
    total_timeout_s: float = 600.0
    random: Random = field(default_factory=Random, compare=False, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, compare=False, repr=False)
    sleep: Callable[[float], Awaitable[None]] = field(
        default=asyncio.sleep, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, got {self.attempts}")
        for name in ("base_s", "cap_s", "attempt_timeout_s", "total_timeout_s"):
            value = getattr(self, name)
            low = 0.0 if name in ("base_s", "cap_s") else math.ulp(0.0)
            if not low <= value < math.inf:
                raise ValueError(f"{name} must be a finite number of seconds, got {value!r}")

    def pause_s(self, failed: int, error: ProviderError) -> float:
        """How long to wait after `failed` attempts, the last of them with this error."""
        ceiling = min(self.cap_s, self.base_s * 2.0 ** min(failed - 1, 60))
        asked = error.retry_after_s
        if asked is None or math.isnan(asked):
            return self.random.uniform(0.0, ceiling)
        return max(asked, 0.0) + self.random.uniform(0.0, min(self.base_s, ceiling))


@dataclass(slots=True)
class Taken:
    """What it took to get one reply: failed attempts, seconds waited, dollars paid."""

    retries: int = 0
    waited_s: float = 0.0
    billed_usd: float = 0.0

    def charge(self, here: Scope) -> None:
        """Put it on the account of a part of a trial."""
        here.retries += self.retries
        here.waited_s += self.waited_s
        here.billed_usd += self.billed_usd


async def persist(
    once: Callable[[], Awaitable[T]],
    *,
    retry: Retry,
    limiter: Limiter,
    deadline: float | None,
    taken: Taken,
) -> T:
    """What `once` gives, attempted in a slot of the limiter until it succeeds.

    `deadline` is an instant of `retry.clock` that ends the whole run. Raises the error of the last
    attempt, with a note how many there were, or `ProviderTimeout` for a deadline.
    """
    left_s = retry.total_timeout_s
    made = 0
    while True:
        taken.waited_s += await _slot(limiter, retry, deadline)
        made += 1
        started = retry.clock()
        try:
            result = await _attempt(once, retry, left_s, deadline)
        except ProviderError as error:
            limiter.release(outcome_of(error), retry_after_s=error.retry_after_s)
            taken.retries += 1
            left_s -= retry.clock() - started
            pause_s = retry.pause_s(made, error)
            rest_s = min(left_s, _until(deadline, retry))
            if isinstance(error, FINAL) or made >= retry.attempts or pause_s >= rest_s:
                error.add_note(f"gave up after {made} attempt{'s' if made > 1 else ''}")
                raise
            waits_from = retry.clock()
            await retry.sleep(pause_s)
            taken.waited_s += retry.clock() - waits_from
            left_s -= pause_s
        except BaseException:
            limiter.release("neutral")
            raise
        else:
            limiter.release("clean" if made == 1 else "neutral")
            return result


async def _slot(limiter: Limiter, retry: Retry, deadline: float | None) -> float:
    """Seconds waited for a slot, which is ours now."""
    if deadline is None:
        return await limiter.acquire()
    rest_s = _until(deadline, retry)
    if rest_s <= 0:
        raise _deadline_passed()
    try:
        async with asyncio.timeout(rest_s):
            return await limiter.acquire()
    except TimeoutError as error:
        raise _deadline_passed() from error


async def _attempt(
    once: Callable[[], Awaitable[T]], retry: Retry, left_s: float, deadline: float | None
) -> T:
    """One attempt under the nearest of the three bounds."""
    rest_s = _until(deadline, retry)
    bound_s = min(retry.attempt_timeout_s, left_s, rest_s)
    try:
        async with asyncio.timeout(bound_s):
            return await once()
    except TimeoutError as error:
        if bound_s == rest_s:
            raise _deadline_passed() from error
        if bound_s < retry.attempt_timeout_s:
            what = f"no reply within {retry.total_timeout_s:g} s, retries included"
        else:
            what = f"no reply within {bound_s:g} s"
        raise ProviderTimeout(what) from error


def _until(deadline: float | None, retry: Retry) -> float:
    return math.inf if deadline is None else deadline - retry.clock()


def _deadline_passed() -> ProviderTimeout:
    return ProviderTimeout("the run's deadline passed before there was a reply")
