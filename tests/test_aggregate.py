"""Estimates: a mean over cases with an honest interval, and what answers cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.aggregate import estimate, summarise
from evalkit.records import Answer, Cost, Score, Trial, Usage
from tests.builders import by_case, make_run


def test_a_case_counts_once_however_often_it_was_repeated():
    # Epoch means 0.5 and 1.0: mean 0.75, not the 5/6 of the three scores.
    (found,) = estimate(make_run({"m": {"a": [0.0, 1.0], "b": [1.0, 1.0]}}))
    assert (found.metric, found.value, found.n, found.n_missing) == ("m", 0.75, 2, 0)


def test_the_interval_by_hand():
    # 0.4, 0.5, 0.6: SE = 0.1/√3 = 0.057735, t_0.975 on 2 df = 4.30265: 0.5 ± 0.24841.
    (found,) = estimate(make_run({"m": by_case([0.4, 0.5, 0.6])}))
    assert (found.low, found.high) == pytest.approx((0.25159, 0.74841), abs=1e-4)
    assert found.method == "t interval over cases"


def test_clustered_cases_are_fewer_than_they_look():
    # Two clusters of 0.4, 0.4 and 0.6, 0.6: SE = 0.1, t_0.975 on 1 df = 12.7: clipped to [0, 1].
    clusters = {"c000": "x", "c001": "x", "c002": "y", "c003": "y"}
    (found,) = estimate(make_run({"m": by_case([0.4, 0.4, 0.6, 0.6])}, clusters=clusters))
    assert (found.low, found.high, found.n, found.n_clusters) == (0.0, 1.0, 4, 2)
    assert found.method == "cluster-robust (CR3) t interval"


@pytest.mark.parametrize(
    ("values", "clusters"), [([0.7], {}), ([0.7, 0.7], {"c000": "x", "c001": "x"})]
)
def test_one_case_or_one_cluster_says_nothing_of_the_spread(values, clusters):
    (found,) = estimate(make_run({"m": by_case(values)}, clusters=clusters))
    assert (found.value, found.low, found.high) == (0.7, 0.0, 1.0)


def test_missing_scores_are_counted_not_averaged():
    # b is missing, c on one of two repeats: two cases missing, mean of a and c only.
    run = make_run({"m": {"a": [1.0, 1.0], "b": [None, None], "c": [0.5, None]}})
    (found,) = estimate(run)
    assert (found.value, found.n, found.n_missing) == (0.75, 2, 2)


def test_a_metric_without_a_score_has_no_estimate():
    found = estimate(make_run({"m": {"a": None}, "n": {"a": 1.0}}))
    assert [e.metric for e in found] == ["n"]


def test_parts_follow_their_metric_by_name():
    run = make_run({"m": {"a": 1.0, "b": 1.0}, "n": {"a": 1.0}})
    parts = {"a": (("z", 0.5), ("contradicted", 0.0)), "b": (("z", 1.0),)}
    scores = tuple(
        replace(s, parts=parts[s.case_id]) if isinstance(s, Score) and s.metric == "m" else s
        for s in run.scores
    )
    found = estimate(replace(run, scores=scores))
    # z over both cases is 0.75; `contradicted` exists for a only.
    assert [(e.metric, e.value, e.n) for e in found] == [
        ("m", 1.0, 2), ("m.contradicted", 0.0, 1), ("m.z", 0.75, 2), ("n", 1.0, 1),
    ]  # fmt: skip


def answered(case_id, repeat, *, tokens, usd, latency_s):
    usage = Usage(input_tokens=tokens, output_tokens=tokens // 10)
    answer = Answer(text="a", usage=usage, cost=Cost(usd=usd), latency_s=latency_s)
    return Trial(case_id=case_id, repeat=repeat, outcome=answer)


def test_usage_is_per_case_and_in_all():
    # a: (100 + 300)/2 = 200, b: 400; mean 300 tokens in, 30 out; $0.02 and $0.04 a case, $0.08 all.
    trials = (
        answered("a", 0, tokens=100, usd=0.01, latency_s=1.0),
        answered("a", 1, tokens=300, usd=0.03, latency_s=4.0),
        answered("b", 0, tokens=400, usd=0.04, latency_s=2.0),
    )
    run = make_run({"m": {"a": [1.0, 1.0], "b": [1.0, 1.0]}}, failed=[("b", 1)])
    lost = tuple(t for t in run.trials if not isinstance(t.outcome, Answer))
    found = summarise(replace(run, trials=(*trials, *lost)))
    assert (found.n_answered, found.n_failed) == (3, 1)
    assert (found.input_tokens_per_case, found.output_tokens_per_case) == (300.0, 30.0)
    assert (found.usd_per_case, found.usd) == pytest.approx((0.03, 0.08))
    # Nearest rank of 1, 2, 4: the 2nd of 3 is the median, the 3rd the 95th percentile.
    assert (found.latency_p50_s, found.latency_p95_s) == (2.0, 4.0)


def test_nothing_answered_has_no_usage():
    """Not a usage of 0, which would look cheap."""
    assert summarise(make_run({"m": {"a": 1.0}}, failed=[("a", 0)])) is None
