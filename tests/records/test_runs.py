"""What is kept: a baseline has epochs and each case once; a run survives its file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit import codec
from evalkit.records import Baseline, Decision, Run, Saved
from tests.builders import by_case, make_baseline, make_run

BASELINE = make_baseline({"m": by_case([0.5, 1.0])})


def test_a_baseline_has_at_least_one_epoch():
    assert replace(BASELINE, epochs=1).epochs == 1
    with pytest.raises(ValueError, match="at least one epoch"):
        replace(BASELINE, epochs=0)


def test_a_baseline_has_each_case_once():
    """Which of two numbers to compare with would be a guess."""
    first, second = BASELINE.cases
    with pytest.raises(ValueError, match="a case repeats in the baseline"):
        replace(BASELINE, cases=(first, second, first))


def test_a_saved_run_and_a_baseline_read_back_equal(tmp_path):
    """With an answer, a failure and a missing score: every kind of outcome."""
    run = make_run({"m": by_case([0.5, None, 1.0])}, failed=[("c002", 0)])
    decision = Decision(outcome="ERROR", estimates=(), comparisons=(), verdicts=())
    for cls, record in ((Saved, Saved(run=run, decision=decision)), (Baseline, BASELINE)):
        codec.dump(tmp_path / "x.json", record)
        assert codec.load(cls, tmp_path / "x.json") == record


def test_two_runs_of_the_same_numbers_are_equal():
    """Records compare by value: the near miss differs in one score."""
    one, two = (make_run({"m": by_case([0.5, 1.0])}) for _ in range(2))
    assert isinstance(one, Run)
    assert one == two != make_run({"m": by_case([0.5, 0.9])})
