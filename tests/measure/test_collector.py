"""The search for garbage is slowed down while any engine measures, and put back after the last."""

from __future__ import annotations

import gc

import pytest

from evalkit.measure.collector import Collector


@pytest.fixture
def threshold():
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_the_last_engine_puts_back_what_the_first_found(threshold):
    gc.set_threshold(700, 10, 10)
    collector = Collector()
    collector.slow_down()
    collector.slow_down()
    collector.go_on()
    assert gc.get_threshold()[0] == Collector.OBJECTS
    collector.go_on()
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("objects", [0, 50_000])
def test_a_search_that_is_off_or_rarer_is_left_alone(threshold, objects):
    gc.set_threshold(objects, 10, 10)
    collector = Collector()
    collector.slow_down()
    assert gc.get_threshold()[0] == objects
    collector.go_on()
    assert gc.get_threshold()[0] == objects
