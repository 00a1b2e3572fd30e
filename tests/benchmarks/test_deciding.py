"""Deciding stays linear in the cases and small, whatever the machine does meanwhile."""

from __future__ import annotations

import time
import types

import pytest

from benchmarks import deciding
from benchmarks.deciding import decide_here, measured


@pytest.fixture(scope="module", autouse=True)
def _warm():
    """What a process spends before it has decided anything is not what grows."""
    decide_here(100, 2)


@pytest.fixture(autouse=True)
def cpu_time(monkeypatch):
    """Of this thread: what else the machine does is not in it."""
    clock = types.SimpleNamespace(perf_counter=time.thread_time)
    monkeypatch.setattr(deciding, "time", clock)


def seconds(cases, metrics):
    """The best of three: other work on the machine only ever adds."""
    return min(decide_here(cases, metrics)["seconds"] for _ in range(3))


def test_four_times_the_cases_take_about_four_times_as_long():
    """Sixteen times would be something that looks at all cases for each case; half of it is 8."""
    assert seconds(2000, 2) < 8 * seconds(500, 2)


def test_four_times_the_metrics_take_about_four_times_as_long():
    """A gate that sorts the scores of all metrics for its own takes sixteen times as long."""
    assert seconds(300, 16) < 8 * seconds(300, 4)


@pytest.mark.slow
def test_two_thousand_cases_and_eight_metrics_take_little_memory():
    took = measured(2000, 8)
    assert (took.cases, took.metrics) == (2000, 8)
    assert took.outcome == "INCONCLUSIVE"
    assert took.peak_mb < 200
