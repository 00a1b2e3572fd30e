"""One request, many who wait: nobody's end is another's, and one of them pays."""

import asyncio

import pytest

from evalkit.calls.flight import Flights
from evalkit.scope import Scope
from tests.calls.stand_ins import jumping


class Request:
    """Counts how often it is sent, and whether it ended by being cancelled."""

    def __init__(self, result="reply", takes_s=10.0):
        self.result, self.takes_s = result, takes_s
        self.sent = self.cancelled = 0

    async def __call__(self, taken):
        self.sent += 1
        taken.billed_usd += 1.0
        taken.retries += 2
        try:
            await asyncio.sleep(self.takes_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


async def ask(flights, request, scope=None):
    flight = flights.find("k") or flights.start(("k",), request)
    try:
        return await flight.join()
    finally:
        flight.pay(scope or Scope())


def asking(count, request, *, cancelling=()):
    """The results of `count` tasks that ask at once, and their scopes; some are cancelled."""

    async def main():
        flights = Flights()
        scopes = [Scope() for _ in range(count)]
        tasks = [asyncio.create_task(ask(flights, request, scope)) for scope in scopes]
        await asyncio.sleep(1)
        for i in cancelling:
            tasks[i].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert flights.find("k") is None
        return results, scopes

    return jumping(main)


def test_all_get_the_one_reply_and_the_first_pays():
    request = Request()
    results, scopes = asking(5, request)
    assert results == ["reply"] * 5
    assert request.sent == 1
    assert [(s.billed_usd, s.retries) for s in scopes] == [(1.0, 2)] + [(0.0, 0)] * 4


@pytest.mark.parametrize("cancelled", [(0,), (1,), (4,), (0, 1, 2, 3)])
def test_cancelling_one_neither_ends_nor_repeats_the_others_request(cancelled):
    request = Request()
    results, scopes = asking(5, request, cancelling=cancelled)
    assert (request.sent, request.cancelled) == (1, 0)
    for i, result in enumerate(results):
        assert isinstance(result, asyncio.CancelledError) is (i in cancelled)
        assert i in cancelled or result == "reply"
    assert sum(scope.billed_usd for scope in scopes) == 1.0


def test_when_nobody_waits_any_more_the_request_ends():
    request = Request()
    asking(3, request, cancelling=(0, 1, 2))
    assert (request.sent, request.cancelled) == (1, 1)


def test_a_failure_is_everybodys_and_is_paid_once():
    results, scopes = asking(3, Request(ValueError("x")))
    assert [type(result) for result in results] == [ValueError] * 3
    assert sum(scope.billed_usd for scope in scopes) == 1.0


def test_who_comes_while_a_request_is_being_cancelled_sends_a_new_one():
    request = Request()

    async def main():
        flights = Flights()
        first = asyncio.create_task(ask(flights, request))
        await asyncio.sleep(1)
        first.cancel()
        second = asyncio.create_task(ask(flights, request))
        assert await second == "reply"
        assert request.sent == 2
        third = asyncio.create_task(ask(flights, request))
        assert await third == "reply"
        assert request.sent == 3

    jumping(main)


def test_closing_ends_what_is_under_way():
    request = Request()

    async def main():
        flights = Flights()
        task = asyncio.create_task(ask(flights, request))
        await asyncio.sleep(1)
        await flights.close()
        assert request.cancelled == 1
        await asyncio.wait([task])
        assert task.cancelled()
        await flights.close()

    jumping(main)
