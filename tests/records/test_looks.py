"""Where judging stopped: a look that was planned, sizes that grow, a metric once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.records import Looks, Stop

STOP = Stop(metric="m", sizes=(50, 75, 100), look=1, spared=("c1",))


def test_the_stop_of_a_metric_is_found_by_its_name():
    looks = Looks(seed="s", tests=2, stops=(STOP, replace(STOP, metric="n", look=3)))
    assert looks.stop("n").look == 3
    assert looks.stop("faithfulness") is None


@pytest.mark.parametrize("change", [{"look": 0}, {"look": 4}, {"sizes": (75, 50, 100)}])
def test_a_look_that_was_not_planned_is_refused(change):
    with pytest.raises(ValueError, match="m: "):
        replace(STOP, **change)


def test_a_metric_stops_once_and_a_family_has_a_test():
    with pytest.raises(ValueError, match="stopped twice"):
        Looks(seed="s", tests=1, stops=(STOP, STOP))
    with pytest.raises(ValueError, match="at least one test"):
        Looks(seed="s", tests=0, stops=())
