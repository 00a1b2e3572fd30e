"""The shares of all requests are the busy time: nothing is paid twice, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.providers.gpu_clock import GpuClock, GpuRate

RATE = GpuRate(usd_per_hour=3.6)  # a thousandth of a dollar a second


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = Fraction(0)

    def __call__(self):
        return self.now


def test_a_request_alone_pays_for_its_time():
    """Two seconds at 3.6 dollars an hour."""
    hand = Hand()
    clock = GpuClock(RATE, hand)
    with clock.share() as share:
        hand.now += 2
    assert share.usd == pytest.approx(0.002)


def test_requests_at_once_divide_every_instant():
    """A runs 0..3 and B 1..4: A has 1 + 2/2, B has 2/2 + 1."""
    hand = Hand()
    clock = GpuClock(RATE, hand)
    with contextlib.ExitStack() as a, contextlib.ExitStack() as b:
        first = a.enter_context(clock.share())
        hand.now += 1
        second = b.enter_context(clock.share())
        hand.now += 2
        a.close()
        hand.now += 1
    assert (first.seconds, second.seconds) == (2, 2)
    assert clock.busy_s == 4


def test_idle_time_is_nobodys():
    """A second of work, an hour of nothing, a second of work."""
    hand = Hand()
    clock = GpuClock(RATE, hand)
    for _ in range(2):
        hand.now += 3600
        with clock.share() as share:
            hand.now += 1
        assert share.seconds == 1
    assert clock.busy_s == 2


def test_a_request_that_fails_pays_for_what_it_took():
    hand = Hand()
    clock = GpuClock(RATE, hand)
    with pytest.raises(RuntimeError), clock.share() as share:  # noqa: PT012 - the time passes inside
        hand.now += 1
        raise RuntimeError
    assert share.seconds == 1


steps = st.lists(st.tuples(st.fractions(0, 100), st.booleans(), st.integers(0, 10**6)), max_size=60)


@given(steps)
def test_the_shares_add_up_to_the_busy_time(steps):
    """Exactly, for any order in which requests begin and end: time is counted in fractions."""
    hand = Hand()
    clock = GpuClock(RATE, hand)
    open_, shares, busy = [], [], Fraction(0)

    def passes(seconds):
        nonlocal busy
        hand.now += seconds
        busy += seconds if open_ else 0

    for seconds, begins, which in steps:
        passes(seconds)
        if begins or not open_:
            stack = contextlib.ExitStack()
            shares.append(stack.enter_context(clock.share()))
            open_.append(stack)
        else:
            open_.pop(which % len(open_)).close()
    while open_:
        passes(Fraction(1, 3))
        open_.pop().close()
    assert sum(share.seconds for share in shares) == busy == clock.busy_s
    assert sum(share.usd for share in shares) == pytest.approx(busy * Fraction(1, 1000))


def test_it_measures_real_time_across_tasks():
    """Ten tasks that sleep 50 ms at once pay for the time that passed, once and not ten times."""

    async def main():
        clock = GpuClock(RATE)

        async def request():
            with clock.share() as share:
                await asyncio.sleep(0.05)
            return share

        started = time.monotonic()
        shares = await asyncio.gather(*(request() for _ in range(10)))
        passed = time.monotonic() - started
        assert sum(share.seconds for share in shares) == pytest.approx(clock.busy_s)
        assert 0.045 < clock.busy_s <= passed

    asyncio.run(main())


def test_several_gpus_cost_several_times():
    assert GpuRate(usd_per_hour=3.6, gpus=4).usd_per_second == pytest.approx(0.004)


@pytest.mark.parametrize("usd", [-1.0, float("nan"), float("inf")])
def test_a_rate_is_an_amount(usd):
    with pytest.raises(ValueError, match="usd_per_hour must be 0 or more"):
        GpuRate(usd_per_hour=usd)


def test_there_is_at_least_one_gpu():
    with pytest.raises(ValueError, match="gpus must be 1 or more"):
        GpuRate(usd_per_hour=1.0, gpus=0)


def test_two_rates_have_two_names():
    """A run pins what the hardware costs as it pins a price of tokens."""
    names = {
        GpuRate(usd_per_hour=usd, gpus=n).table for usd in (2.5, 2.5000001, 25.0) for n in (1, 2)
    }
    assert len(names) == 6
    assert GpuRate(usd_per_hour=2.5).table == "usd-per-gpu-hour:2.5x1"
