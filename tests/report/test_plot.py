"""An interval is drawn where it belongs, whatever is on the axis with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.plot import WIDTH, Plot, axis

VALUES = st.lists(st.floats(-10, 10), max_size=6)


@given(VALUES)
def test_everything_on_the_axis_is_drawn_inside_and_in_order(values):
    scale = axis(values)
    places = [scale.x(value) for value in sorted([*values, 0.0])]
    assert places == sorted(places)
    assert all(0 < place < WIDTH for place in places)


@given(VALUES, st.floats(-100, 100))
def test_what_is_off_the_axis_is_drawn_at_its_edge(values, value):
    assert 0 < axis(values).x(value) < WIDTH


def test_noise_of_a_thousandth_is_not_blown_up():
    scale = axis([-0.001, 0.001])
    assert scale.x(0.001) - scale.x(-0.001) < WIDTH / 10


def test_an_interval_without_width_is_still_seen():
    assert Plot(low=50.0, now=50.0, high=50.0, zero=9.0, margin=None, label="").span == 1.0
    assert Plot(
        low=50.0, now=60.0, high=70.0, zero=9.0, margin=None, label=""
    ).span == pytest.approx(20)
