"""One request under way, and everybody who waits for its reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from evalkit.calls.retry import Taken
from evalkit.scope import Scope

T = TypeVar("T")

END_S = 5.0
"""How long a cancelled request may take to let go of its connection."""


class Flight(Generic[T]):
    """A request in a task of its own, so that no waiter's end is the end of the others'.

    What it took is paid by one waiter: the first to see its end.
    """

    __slots__ = ("_paid", "_task", "_waiters", "taken")

    def __init__(self, start: Callable[[Taken], Coroutine[Any, Any, T]]) -> None:
        self.taken = Taken()
        self._task = asyncio.get_running_loop().create_task(start(self.taken))
        self._waiters = 0
        self._paid = False

    async def join(self) -> T:
        """The reply, or the error. When the last waiter is cancelled, so is the request."""
        self._waiters += 1
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._waiters == 1:
                self.cancel()
            raise
        finally:
            self._waiters -= 1

    def pay(self, here: Scope) -> bool:
        """Put what it took on the scope's account; whether it was this scope that had to pay."""
        if self._paid or not self._task.done():
            return False
        self._paid = True
        self.taken.charge(here)
        return True

    def cancel(self) -> None:
        """End the request; whoever waits for it is cancelled too."""
        self._task.cancel()

    async def ended(self) -> None:
        """Wait for its end, a few seconds at most, whatever it is."""
        await asyncio.wait([self._task], timeout=END_S)

    @property
    def over(self) -> bool:
        """Whether nobody new may join: it has ended or is being cancelled."""
        return self._task.done() or self._task.cancelling() > 0

    def when_over(self, act: Callable[[], None]) -> None:
        """Call `act` once it has ended."""
        self._task.add_done_callback(lambda _: act())


class Flights(Generic[T]):
    """Requests under way by key. For the tasks of one event loop."""

    def __init__(self) -> None:
        self._by_key: dict[str, Flight[T]] = {}

    def find(self, key: str) -> Flight[T] | None:
        """The request for this key that can still be joined."""
        found = self._by_key.get(key)
        return None if found is None or found.over else found

    def start(
        self, keys: Sequence[str], request: Callable[[Taken], Coroutine[Any, Any, T]]
    ) -> Flight[T]:
        """Send a request that answers these keys."""
        flight = Flight(request)
        for key in keys:
            self._by_key[key] = flight
        flight.when_over(partial(self._forget, tuple(keys), flight))
        return flight

    async def close(self) -> None:
        """End all of them, and wait until they have let go of what they held."""
        flights = set(self._by_key.values())
        for flight in flights:
            flight.cancel()
        for flight in flights:
            await flight.ended()

    def _forget(self, keys: Sequence[str], flight: Flight[T]) -> None:
        for key in keys:
            if self._by_key.get(key) is flight:
                del self._by_key[key]
