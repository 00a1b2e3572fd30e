"""Replays of a new breach are kept with the run, and read back as they were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit import codec
from evalkit.errors import DataError
from evalkit.records import Replay, Run
from tests.builders import make_run

RUN = make_run({"m": {"a": 0.0}})
REPLAY = Replay(case_id="a", metric="m", hits=(True, False, None))


def test_replays_are_read_back_as_they_were():
    run = replace(RUN, replays=(REPLAY,))
    data = codec.encode(run)
    assert data["replays"] == [{"case_id": "a", "metric": "m", "hits": [True, False, None]}]
    assert codec.decode(Run, data) == run


def test_a_run_of_before_there_were_replays_is_read_as_one_without():
    data = codec.encode(RUN)
    del data["replays"]
    assert codec.decode(Run, data) == RUN


@pytest.mark.parametrize("hits", [[1, 0], ["true"], [0.0]])
def test_what_only_looks_like_a_hit_is_refused(hits):
    data = codec.encode(replace(RUN, replays=(REPLAY,)))
    data["replays"][0]["hits"] = hits
    with pytest.raises(DataError, match=r"replays\[0\]\.hits\[0\]: expected bool"):
        codec.decode(Run, data)
