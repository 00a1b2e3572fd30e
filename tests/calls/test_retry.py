"""Failed requests come again, after the right pause, and not for ever."""

import asyncio
import math
from random import Random

import pytest

from evalkit.calls.limiter import Limiter
from evalkit.calls.retry import Retry, Taken, persist
from evalkit.errors import (
    AuthFailed,
    BadReply,
    BadRequest,
    BudgetExceeded,
    NotRecorded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    ServerFailed,
)
from evalkit.providers.protocol import Limits
from evalkit.scope import Scope
from tests.calls.stand_ins import jumping, now, virtual


class Script:
    """Attempts one after the other: an error, a value, or seconds to spend first."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.at = []

    async def __call__(self):
        self.at.append(now())
        step = self.steps.pop(0)
        if isinstance(step, float):
            await asyncio.sleep(step)
            return "late"
        if isinstance(step, BaseException):
            raise step
        return step


def run(script, *, deadline=None, slots=1, **options):
    """(what came of it, what it took, the limiter, the end), in virtual time."""

    async def main():
        limiter = Limiter(Limits(start=slots, max=64), clock=now)
        taken = Taken()
        try:
            result = await persist(
                script, retry=virtual(**options), limiter=limiter, deadline=deadline, taken=taken
            )
        except (ProviderError, BudgetExceeded) as error:
            result = error
        assert limiter.in_flight == 0
        return result, taken, limiter, now()

    return jumping(main)


# ── pauses ───────────────────────────────────────────────────────────────────────────────────────


def test_pauses_are_drawn_up_to_a_ceiling_that_doubles():
    retry = Retry(base_s=1.0, cap_s=10.0, random=Random(3))
    error = ProviderError("x")
    for failed, ceiling in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (5000, 10.0)]:
        drawn = [retry.pause_s(failed, error) for _ in range(400)]
        assert 0.0 <= min(drawn) < 0.05 * ceiling
        assert 0.95 * ceiling < max(drawn) <= ceiling


def test_the_same_seed_draws_the_same_pauses():
    pauses = [
        [retry.pause_s(i, ProviderError("x")) for i in range(1, 6)]
        for retry in (Retry(random=Random(1)), Retry(random=Random(1)), Retry(random=Random(2)))
    ]
    assert pauses[0] == pauses[1] != pauses[2]


@pytest.mark.parametrize("asked", [0.0, 7.0, 100.0])
def test_retry_after_is_waited_in_full_and_a_little_more(asked):
    retry = Retry(base_s=0.5, cap_s=2.0)
    pauses = [retry.pause_s(3, RateLimited("x", retry_after_s=asked)) for _ in range(50)]
    assert asked <= min(pauses) <= max(pauses) <= asked + 0.5


@pytest.mark.parametrize(("asked", "most"), [(-5.0, 0.5), (math.nan, 2.0)])
def test_a_retry_after_that_makes_no_sense_is_none(asked, most):
    assert 0 <= Retry(cap_s=2.0).pause_s(9, RateLimited("x", retry_after_s=asked)) <= most


@pytest.mark.parametrize(
    "option",
    [{"attempts": 0}, {"base_s": -1.0}, {"cap_s": math.inf}, {"total_timeout_s": 0.0},
     {"attempt_timeout_s": math.nan}],
)  # fmt: skip
def test_senseless_options_are_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        Retry(**option)


# ── what is tried again ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("error", [RateLimited, ProviderTimeout, BadReply, ProviderError])
def test_what_may_pass_is_tried_again(error):
    script = Script(error("x"), error("x"), "done")
    result, taken, _, end = run(script)
    assert result == "done"
    assert taken.retries == 2
    assert taken.waited_s == pytest.approx(end)
    assert len(set(script.at)) == 3


@pytest.mark.parametrize("error", [BadRequest, AuthFailed, NotRecorded, ServerFailed])
def test_what_will_not_pass_is_raised_at_once(error):
    given = error("x", retry_after_s=1.0)
    result, taken, _, end = run(Script(given, "never"))
    assert result is given
    assert (taken.retries, taken.waited_s, end) == (1, 0.0, 0.0)


def test_a_budget_is_not_asked_twice():
    given = BudgetExceeded("x")
    result, taken, _, _ = run(Script(given, "never"))
    assert result is given
    assert taken.retries == 0


def test_a_bug_is_not_an_outage():
    with pytest.raises(ZeroDivisionError):
        run(Script(ZeroDivisionError(), "never"))


def test_after_the_last_attempt_the_error_says_how_many_there_were():
    errors = [RateLimited(str(i)) for i in range(3)]
    result, taken, _, _ = run(Script(*errors), attempts=3)
    assert result is errors[-1]
    assert result.__notes__ == ["gave up after 3 attempts"]
    assert taken.retries == 3


def test_attempts_are_as_far_apart_as_the_provider_asked():
    script = Script(RateLimited("x", retry_after_s=20.0), "done")
    result, taken, limiter, _ = run(script, slots=10)
    assert result == "done"
    assert 20.0 <= script.at[1] <= 20.5
    assert taken.waited_s == pytest.approx(script.at[1])
    assert limiter.limit == 8  # the limiter has learnt of it: 10 × 0.8


def test_a_retry_after_beyond_the_time_left_is_raised_at_once():
    given = RateLimited("x", retry_after_s=30.0)
    result, _, _, end = run(Script(given, "never"), total_timeout_s=29.0)
    assert result is given
    assert end == 0.0


def test_success_at_first_is_clean_and_success_later_is_not():
    assert run(Script("done"))[2].limit == 2
    assert run(Script(BadReply("x"), "done"))[2].limit == 1


# ── deadlines ────────────────────────────────────────────────────────────────────────────────────


def test_an_attempt_that_takes_too_long_is_cut_off_and_tried_again():
    script = Script(500.0, "done")
    result, taken, _, end = run(script, attempt_timeout_s=10.0)
    assert result == "done"
    assert taken.retries == 1
    assert end == pytest.approx(10.0 + taken.waited_s)


def test_the_total_bounds_all_attempts_together():
    result, taken, _, end = run(
        Script(*[500.0] * 9), attempts=9, attempt_timeout_s=10.0, total_timeout_s=25.0, cap_s=0.0
    )
    assert type(result) is ProviderTimeout
    assert "within 25 s, retries included" in str(result)
    assert (end, taken.retries) == (25.0, 3)


def test_waiting_for_a_slot_is_no_part_of_the_total():
    async def main():
        limiter = Limiter(Limits(start=1, max=1), clock=now)
        retry = virtual(total_timeout_s=5.0)
        taken = [Taken() for _ in range(4)]
        results = await asyncio.gather(*(
            persist(Script(4.0), retry=retry, limiter=limiter, deadline=None, taken=one)
            for one in taken
        ))  # fmt: skip
        assert results == ["late"] * 4
        assert [one.waited_s for one in taken] == [0.0, 4.0, 8.0, 12.0]

    jumping(main)


def test_the_run_deadline_ends_an_attempt_and_is_named():
    result, _, _, end = run(Script(500.0, "never"), deadline=7.0)
    assert type(result) is ProviderTimeout
    assert "the run's deadline" in str(result)
    assert end == 7.0


def test_the_run_deadline_ends_the_wait_for_a_slot():
    async def main():
        limiter = Limiter(Limits(start=1, max=1), clock=now)
        await limiter.acquire()
        with pytest.raises(ProviderTimeout, match="the run's deadline"):
            await persist(
                Script("never"), retry=virtual(), limiter=limiter, deadline=3.0, taken=Taken()
            )
        assert now() == 3.0
        limiter.release("neutral")
        assert limiter.in_flight == 0

    jumping(main)


def test_after_the_run_deadline_nothing_is_sent():
    script = Script("never")
    result, _, _, _ = run(script, deadline=0.0)
    assert type(result) is ProviderTimeout
    assert script.at == []


def test_a_pause_beyond_the_run_deadline_is_not_waited():
    given = RateLimited("x", retry_after_s=10.0)
    result, _, _, end = run(Script(given, "never"), deadline=9.0)
    assert result is given
    assert end == 0.0


def test_cancelling_gives_the_slot_back():
    async def main():
        limiter = Limiter(Limits(start=1, max=1), clock=now)
        task = asyncio.create_task(
            persist(Script(50.0), retry=virtual(), limiter=limiter, deadline=None, taken=Taken())
        )
        await asyncio.sleep(1)
        assert limiter.in_flight == 1
        task.cancel()
        await asyncio.wait([task])
        assert limiter.in_flight == 0

    jumping(main)


def test_what_it_took_goes_on_the_account():
    here = Scope(retries=1, waited_s=1.0, billed_usd=1.0)
    Taken(retries=2, waited_s=3.0, billed_usd=4.0).charge(here)
    assert (here.retries, here.waited_s, here.billed_usd) == (3, 4.0, 5.0)
