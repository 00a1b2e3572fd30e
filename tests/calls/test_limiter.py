"""A limit that finds what an endpoint takes, and a queue in which nobody is lost."""

import asyncio
import random

import pytest

from evalkit.calls.limiter import COOLDOWN_S, MAX_COOLDOWN_S, Limiter, outcome_of
from evalkit.errors import (
    AuthFailed,
    BadReply,
    BadRequest,
    BudgetExceeded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)
from evalkit.providers.protocol import Limits


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def limiter(start=10, most=100, *, adaptive=True):
    clock = Clock()
    return Limiter(Limits(start=start, max=most, adaptive=adaptive), clock=clock), clock


def play(made, *outcomes, at_once=None, **given):
    """Take `at_once` slots (all the limit, if not said), give each back with an outcome."""

    async def run():
        for outcome in outcomes:
            count = made.limit if at_once is None else at_once
            for _ in range(count):
                await made.acquire()
            for _ in range(count):
                made.release(outcome, **given)

    asyncio.run(run())


def one(made, outcome, **given):
    play(made, outcome, at_once=1, **given)


# ── growth ───────────────────────────────────────────────────────────────────────────────────────


def test_a_clean_round_doubles_the_limit_up_to_its_maximum():
    made, _ = limiter(10, 64)
    limits = []
    for _ in range(4):
        play(made, "clean")
        limits.append(made.limit)
    assert limits == [20, 40, 64, 64]
    assert [limit for _, limit in made.history] == [10, 20, 40, 64]


def test_a_round_counts_only_if_the_limit_was_nearly_reached():
    """Seven of ten slots in use prove nothing about eleven; eight of ten do."""
    made, _ = limiter(10)
    play(made, *["clean"] * 5, at_once=7)
    assert made.limit == 10
    play(made, *["clean"] * 2, at_once=8)
    assert made.limit == 20


def test_after_the_first_429_a_round_adds_a_twentieth():
    made, clock = limiter(100, 200)
    one(made, "limited")
    assert made.limit == 80  # 100 × 0.8
    clock.now += COOLDOWN_S
    play(made, "clean", "clean")
    assert made.limit == 88  # 80 + 4 + round(84 × 0.05)


def test_from_1_the_limit_grows_again():
    made, clock = limiter(1)
    one(made, "limited")
    assert made.limit == 1
    clock.now += COOLDOWN_S
    play(made, "clean")
    assert made.limit == 2


@pytest.mark.parametrize("outcome", ["faulty", "limited"])
def test_a_fault_begins_the_round_again(outcome):
    made, clock = limiter(10)
    play(made, *["clean"] * 9, at_once=1)
    one(made, outcome)
    clock.now += COOLDOWN_S
    before = made.limit
    play(made, "clean", at_once=before - 1)
    assert made.limit == before


def test_faults_of_the_server_never_cut():
    made, _ = limiter(10)
    play(made, *["faulty"] * 20)
    assert made.limit == 10
    assert not made.pressured


def test_successes_after_a_retry_say_nothing():
    made, _ = limiter(10)
    play(made, *["neutral"] * 20)
    assert made.history == [(0.0, 10)]


# ── cuts ─────────────────────────────────────────────────────────────────────────────────────────


def test_many_429_at_once_are_one_episode():
    made, clock = limiter(100)
    play(made, "limited")  # a hundred of them
    assert made.limit == 80
    clock.now += COOLDOWN_S - 0.1
    one(made, "limited")
    assert made.limit == 80
    clock.now += 0.2
    one(made, "limited")
    assert made.limit == 64
    assert made.history == [(0.0, 100), (0.0, 80), (15.1, 64)]


def test_successes_during_the_cooldown_are_of_the_time_before():
    made, clock = limiter(10)
    one(made, "limited")
    play(made, *["clean"] * 5)
    assert made.limit == 8
    clock.now += COOLDOWN_S
    play(made, "clean")
    assert made.limit == 9


def test_retry_after_extends_the_cooldown_but_not_for_ever():
    made, clock = limiter(10)
    one(made, "limited", retry_after_s=60.0)
    clock.now += 59
    assert made.pressured
    clock.now += 2
    assert not made.pressured
    one(made, "limited", retry_after_s=1e9)
    clock.now += MAX_COOLDOWN_S
    assert not made.pressured


def test_a_static_limit_stays_where_it_is():
    """A local server queues what it cannot do yet; its limit is the maximum from the start."""
    made, _ = limiter(2, 8, adaptive=False)
    play(made, "clean", "limited", "faulty", "clean")
    assert made.history == [(0.0, 8)]


def test_models_of_one_endpoint_hold_to_the_narrower_maximum():
    made, _ = limiter(10, 64)
    made.narrow(Limits(start=1, max=16))
    play(made, "clean", "clean")
    assert made.limit == 16
    made.narrow(Limits(start=1, max=4))
    assert made.limit == 4


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RateLimited("x"), "limited"), (ProviderTimeout("x"), "faulty"),
        (ProviderError("x"), "faulty"), (BadReply("x"), "neutral"), (BadRequest("x"), "neutral"),
        (AuthFailed("x"), "neutral"), (BudgetExceeded("x"), "neutral"),
    ],
)  # fmt: skip
def test_what_an_error_says_about_its_endpoint(error, outcome):
    assert outcome_of(error) == outcome


# ── the queue ────────────────────────────────────────────────────────────────────────────────────


def test_never_more_than_the_limit_and_first_come_first_served():
    made, _ = limiter(3, 3)
    order, in_flight = [], []

    async def work(i):
        await made.acquire()
        order.append(i)
        in_flight.append(made.in_flight)
        await asyncio.sleep(0)
        made.release("clean")

    async def run():
        await asyncio.gather(*(work(i) for i in range(50)))

    asyncio.run(run())
    assert order == list(range(50))
    assert max(in_flight) == 3
    assert made.in_flight == 0


def test_who_is_cancelled_while_waiting_keeps_no_slot():
    made, _ = limiter(1, 1)

    async def run():
        await made.acquire()
        waiting = [asyncio.create_task(made.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        made.release("clean")  # the slot goes to the second …
        waiting[1].cancel()  # … who is cancelled in the same moment
        await asyncio.wait(waiting, timeout=60)
        assert [task.cancelled() for task in waiting] == [True, True, False]
        made.release("clean")

    asyncio.run(run())
    assert made.in_flight == 0


def test_slots_survive_random_cancellation():
    made, _ = limiter(4, 4)
    draw = random.Random(7)

    async def work():
        await made.acquire()
        try:
            await asyncio.sleep(0)
        finally:
            made.release("neutral")

    async def run():
        tasks = [asyncio.create_task(work()) for _ in range(300)]
        for _ in range(200):
            await asyncio.sleep(0)
            draw.choice(tasks).cancel()
            assert 0 <= made.in_flight <= 4
        await asyncio.wait(tasks, timeout=60)
        assert all(task.done() for task in tasks)

    asyncio.run(run())
    assert made.in_flight == 0


def test_a_cut_lets_those_in_flight_finish():
    made, _ = limiter(4, 8)

    async def run():
        for _ in range(4):
            await made.acquire()
        made.release("limited")  # limit 3, three in flight
        waiting = asyncio.create_task(made.acquire())
        await asyncio.sleep(0)
        assert not waiting.done()
        made.release("neutral")
        await asyncio.sleep(0)
        assert waiting.done()

    asyncio.run(run())
