"""Which cases a metric applies to, and what of them is missing."""

from __future__ import annotations

import gc
from dataclasses import replace

from evalkit import observations
from evalkit.observations import cluster_of, observe, recorded, repeats_of, spared
from evalkit.records import Case, Looks, Stop
from tests.builders import make_run


def test_a_case_has_a_score_a_repeat_and_counts_what_is_missing():
    # Two repeats of a are scored, one of two of b; c is asked under another metric only.
    run = make_run({"m": {"a": [0.5, 1.0], "b": [None, 0.5]}, "other": {"c": [1.0, 1.0]}})
    a, b = observe(run, "m")
    assert (a.case_id, a.values, a.mean, a.n_missing) == ("a", (0.5, 1.0), 0.75, 0)
    assert (b.case_id, b.values, b.n_missing) == ("b", (0.5,), 1)


def test_a_missing_score_can_be_imputed():
    (b,) = observe(make_run({"m": {"b": [None, 0.5]}}), "m")
    assert (b.mean, b.imputed(0.0), b.imputed(1.0)) == (0.5, 0.25, 0.75)


def test_a_failed_trial_without_a_record_is_missing_for_every_metric():
    run = make_run({"m": {"a": 1.0, "b": 1.0}}, failed=[("b", 0)])
    assert [o.n_missing for o in observe(run, "m")] == [0, 1]
    silent = replace(run, scores=tuple(s for s in run.scores if s.case_id != "b"))
    assert [o.n_missing for o in observe(silent, "m")] == [0, 1]
    # Near miss: an answered trial without a record says that the metric does not apply.
    answered = make_run({"m": {"a": 1.0}, "other": {"b": 1.0}})
    assert [o.case_id for o in observe(answered, "m")] == ["a"]
    assert [o.n_missing for o in observe(answered, "m", also={"b"})] == [0, 1]


def test_repeats_are_as_many_as_any_case_has():
    assert repeats_of(make_run({"m": {"a": [1.0, 1.0, 1.0]}})) == range(3)
    assert repeats_of(replace(make_run({"m": {"a": 1.0}}), trials=())) == range(1)


def test_a_case_without_a_cluster_is_its_own():
    assert cluster_of(Case(id="a", input="q", cluster="b")) != cluster_of(Case(id="b", input="q"))


def test_a_spared_case_is_neither_observed_nor_missing():
    run = make_run({"m": {"a": 1.0, "b": 1.0}, "n": {"a": 1.0, "b": 1.0}})
    stop = Stop(metric="m", sizes=(1, 2), look=1, spared=("b",))
    run = replace(
        run,
        scores=tuple(s for s in run.scores if (s.metric, s.case_id) != ("m", "b")),
        looks=Looks(seed="s", tests=1, stops=(stop,)),
    )
    assert (spared(run, "m"), spared(run, "n")) == ({"b"}, frozenset())
    assert [o.case_id for o in observe(run, "m")] == ["a"]
    assert [o.case_id for o in observe(run, "m", also={"a", "b"})] == ["a"]
    assert [o.case_id for o in observe(run, "n")] == ["a", "b"]
    assert recorded(run, "m") == {"a"}


def test_what_is_kept_of_a_run_goes_with_it():
    """Ten thousand simulated builds must not leave ten thousand indexes."""
    before = len(observations._KEPT)
    run = make_run({"m": {"a": 1.0}})
    assert observe(run, "m") == observe(run, "m")
    assert len(observations._KEPT) == before + 1
    del run
    gc.collect()
    assert len(observations._KEPT) == before
