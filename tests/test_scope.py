"""Code that calls a model finds the attempt it belongs to, wherever it runs."""

from __future__ import annotations

import asyncio

import pytest

from evalkit import scope
from evalkit.records import Cost, Spend, Usage


def test_outside_of_any_scope_there_is_one_that_nobody_reads():
    """A target called by hand counts into nothing, and not into the next one."""
    scope.current().calls += 1
    assert scope.current().calls == 0
    assert scope.current().repeat == 0


def test_a_scope_is_current_inside_its_block_alone():
    """Also when the block raises; a nested one hides the outer."""
    with scope.opened("c", 2, "answer") as outer:
        assert scope.current() is outer
        with scope.opened("c", 2, "faithfulness") as inner:
            assert scope.current() is inner
        with pytest.raises(ZeroDivisionError), scope.opened("c", 2, "mrr"):
            raise ZeroDivisionError
        assert scope.current() is outer
    assert scope.current() is not outer


def test_tasks_belong_to_the_scope_they_were_started_in():
    """Sixteen attempts at once, each with three tasks and a thread: each counts its own."""

    async def call():
        await asyncio.sleep(0)
        scope.current().calls += 1

    def in_a_thread():
        scope.current().retries += 1

    async def attempt(repeat):
        with scope.opened("c", repeat, "answer") as here:
            await asyncio.gather(*(call() for _ in range(repeat)))
            await asyncio.to_thread(in_a_thread)
        return here

    async def main():
        return await asyncio.gather(*(attempt(repeat) for repeat in range(16)))

    found = asyncio.run(main())
    assert [here.calls for here in found] == list(range(16))
    assert {here.retries for here in found} == {1}


def test_a_task_started_before_does_not_belong():
    """What is shared between attempts is charged to who started it."""

    async def main():
        gate = asyncio.Event()

        async def waiting():
            await gate.wait()
            scope.current().calls += 1

        with scope.opened("first", 0, "answer") as first:
            task = asyncio.create_task(waiting())
        with scope.opened("second", 0, "answer") as second:
            gate.set()
            await task
        return first.calls, second.calls

    assert asyncio.run(main()) == (1, 0)


def test_the_parts_of_a_trial_know_what_each_other_asked():
    """Another repeat, another case, and a part outside of any trial's scope do not."""

    def asked(case_id, repeat):
        with scope.opened(case_id, repeat, "faithfulness") as part:
            return set(part.asked)

    with scope.opened("c", 0, "") as trial:
        with scope.opened("c", 0, "abstention") as part:
            part.asked.add("k")
        assert trial.asked == asked("c", 0) == {"k"}
        assert asked("c", 1) == asked("d", 0) == set()
    assert asked("c", 0) == set()


def test_a_scope_becomes_a_record_of_what_was_spent():
    """Seconds to the microsecond: a journal that is read back is equal."""
    with scope.opened("c", 1, "faithfulness") as here:
        here.calls, here.cached_calls, here.shared_calls, here.retries = 3, 1, 1, 2
        here.waited_s = 0.1 + 0.2
        here.usage += Usage(input_tokens=5, output_tokens=2)
        here.billed_usd, here.cold_usd = 0.02, 0.03
    assert here.spend == Spend(
        case_id="c",
        repeat=1,
        part="faithfulness",
        calls=3,
        cached_calls=1,
        shared_calls=1,
        retries=2,
        waited_s=0.3,
        usage=Usage(input_tokens=5, output_tokens=2),
        billed=Cost(usd=0.02),
        cold=Cost(usd=0.03),
    )


# ── work outside a run ───────────────────────────────────────────────────────────────────────────


def test_what_is_done_outside_a_run_is_gathered_under_one_name():
    """Three scopes, one of which called nothing: 2 + 1 calls and $0.3, also from tasks inside."""

    async def called(calls, usd):
        with scope.opened("c", 0, "faithfulness") as here:
            here.calls, here.billed_usd = calls, usd

    async def all_of_them():
        await asyncio.gather(called(2, 0.1), called(1, 0.2), called(0, 0.0))

    with scope.gathered() as scopes:
        asyncio.run(all_of_them())
    asyncio.run(called(5, 9.0))  # outside the block
    found = scope.total(scopes, "rejudging")
    assert (found.part, found.case_id, found.calls, found.billed.usd) == ("rejudging", "", 3, 0.3)


def test_what_called_nothing_comes_to_nothing():
    with scope.gathered() as scopes, scope.opened("c", 0, "faithfulness"):
        pass
    assert scope.total(scopes, "rejudging") is None
