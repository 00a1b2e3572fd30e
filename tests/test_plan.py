"""A plan names what it measures; an effort that makes no sense is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from evalkit.plan import Effort, InProcess
from tests.measure.test_engine import FakeTarget, plan


def test_the_key_of_a_plan_changes_with_what_it_measures():
    """Journals of another key do not mix; what it is called and promises is no part of it."""
    made = plan(FakeTarget())
    assert made.key == plan(FakeTarget()).key
    assert made.key == replace(made, purpose="another").key
    other = replace(made.fingerprint, judge="another")
    assert replace(made, fingerprint=other).key != made.key
    assert made.name == "s"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"repeats": 0}, "repeats and concurrency"),
        ({"concurrency": 0}, "repeats and concurrency"),
        ({"attempt_timeout_s": 0.0}, "attempt_timeout_s"),
        ({"attempt_timeout_s": float("nan")}, "attempt_timeout_s"),
    ],
)
def test_an_effort_that_would_measure_nothing_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Effort(**options)


def test_a_plan_without_remote_models_lets_go_of_nothing():
    remote = InProcess()
    assert (remote.concurrency, remote.servers, remote.ledger) == (0, (), None)
    asyncio.run(remote.close())
