"""Unchanged builds, put together from the epochs of one run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.errors import DataError
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Promise
from evalkit.noise_floor.builds import Builds, Sparing, run_of
from evalkit.observations import observe
from evalkit.records import Case
from tests.builders import make_baseline, make_run, measured

SIX = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def builds(scores, clusters=None) -> Builds:
    return Builds(measured(make_run(scores, clusters=clusters)))


def test_each_epoch_is_compared_with_the_five_others():
    """Epoch 0 has 0.1; its baseline the rest, in their order."""
    made = builds({"faithfulness": {"a": SIX, "b": [1.0] * 6}})
    direct = list(made.direct())
    assert made.epochs == len(direct) == 6
    for epoch, build in enumerate(direct):
        first, _ = observe(build.run, "faithfulness")
        others = tuple(value for place, value in enumerate(SIX) if place != epoch)
        assert first.values == (SIX[epoch],)
        assert build.baseline.epochs == 5
        assert dict(build.baseline.cases[0].scores)["faithfulness"] == others


def test_what_is_drawn_has_as_many_cases_each_beside_its_own_baseline():
    """A case drawn twice stands under two names, on both sides, as two clusters of its own."""
    scores = {"faithfulness": {f"c{i}": SIX for i in range(10)}}
    twice = False
    for build in builds(scores).drawn(20, seed=1):
        ids = [case.id for case in build.run.cases]
        assert len(set(ids)) == 10
        assert sorted(ids) == sorted(case.id for case in build.baseline.cases)
        assert len({o.cluster for o in observe(build.run, "faithfulness")}) == 10
        for o in observe(build.run, "faithfulness"):
            (before,) = [case for case in build.baseline.cases if case.id == o.case_id]
            assert sorted((*dict(before.scores)["faithfulness"], o.mean)) == SIX
        twice |= any("~" in case_id for case_id in ids)
    assert twice


def test_clusters_are_drawn_whole_and_share_their_epoch():
    """Two documents of three cases each: a cluster comes with all its cases, or not at all."""
    scores = {"faithfulness": {f"{doc}{k}": SIX for doc in "xy" for k in range(3)}}
    clusters = {case_id: case_id[0] for case_id in scores["faithfulness"]}
    for build in builds(scores, clusters).drawn(20, seed=2):
        members = Counter(o.cluster for o in observe(build.run, "faithfulness"))
        assert set(members.values()) == {3}
        assert len(members) == 2
        for cluster in members:
            values = {o.mean for o in observe(build.run, "faithfulness") if o.cluster == cluster}
            assert len(values) == 1


def test_the_seed_is_the_draw():
    """Same seed, same builds; another seed, others."""
    scores = {"faithfulness": {f"c{i}": SIX for i in range(10)}}
    first, again = list(builds(scores).drawn(3, seed=7)), list(builds(scores).drawn(3, seed=7))
    assert [b.run for b in first] == [b.run for b in again]
    assert [b.run for b in first] != [b.run for b in builds(scores).drawn(3, seed=8)]


@pytest.mark.slow
def test_drawn_builds_fail_as_often_as_a_gate_at_five_per_cent_should():
    """Normal noise, one test, 1,500 builds of 60 cases: within [3 %, 7 %] red.

    An epoch taken for all cases at once would count its luck as a change: with the unlucky epoch
    of this run as the candidate every time, more than 8 % are red.
    """
    rng = np.random.default_rng(21)
    values = rng.normal(0.5, 0.1, (60, 6)).clip(0, 1)
    scores = {"m": {f"c{i:02}": row.tolist() for i, row in enumerate(values)}}
    made = builds(scores)
    gate = MetricGate(name="m", min_effect=0.0)

    def red(drawn) -> float:
        outcomes = [decide_build([([gate], build)])[0].outcome for build in drawn]
        return outcomes.count("FAIL") / len(outcomes)

    assert red(made.drawn(1500, seed=3)) == pytest.approx(0.05, abs=0.02)
    unlucky = int(np.argmin(values.mean(axis=0)))
    chance = np.random.default_rng(4)
    fixed = []
    for _ in range(300):
        rows = values[chance.integers(0, 60, 60)]
        now = {f"c{i:02}": row[unlucky] for i, row in enumerate(rows)}
        before = {f"c{i:02}": np.delete(row, unlucky).tolist() for i, row in enumerate(rows)}
        fixed.append(measured(make_run({"m": now}), make_baseline({"m": before})))
    assert red(fixed) > 0.08


# ── where the judge costs calls ──────────────────────────────────────────────────────────────────


def spared(run, *, suite="rag_quality", tests=3, metric="m", on="answer") -> Builds:
    root = Path("/nowhere")
    promise = Promise(
        suite=suite, path=root / "s.toml", root=root, inconclusive="warn",
        gates=(MetricGate(name=metric),), judged_on=((metric, on),),
    )  # fmt: skip
    judged_on = {metric: on}
    of = replace(measured(run), judged_on=judged_on)
    return Builds(of, sparing=Sparing(promise=promise, tests=tests))


def worded(run, says):
    """The run with an answer of its own for each case and repeat, by `says(case_id, repeat)`."""
    trials = [
        replace(t, outcome=replace(t.outcome, text=says(t.case_id, t.repeat))) for t in run.trials
    ]
    return replace(run, trials=tuple(trials))


def wavering(n=100, sd=0.1):
    values = np.random.default_rng(5).normal(0.7, sd, (n, 6)).clip(0, 1)
    return make_run({"m": {f"c{i:03}": row.tolist() for i, row in enumerate(values)}})


def test_a_build_keeps_the_scores_of_the_looks_that_it_needs():
    """Answers all anew, sd 0.1 of 100 cases: the first look of 40 settles nearly every build.

    Each build has an order of its own, and the tests of its family share the error rate.
    """
    orders = set()
    for build in spared(worded(wavering(), "{} {}".format)).drawn(20, seed=1):
        (stop,) = build.run.looks.stops
        assert len(build.run.scores) == stop.sizes[stop.look - 1]
        assert not {s.case_id for s in build.run.scores} & set(stop.spared)
        assert not any(score.known for score in build.run.scores)
        assert build.run.looks.tests == 3
        orders.add(build.run.looks.seed)
        (verdict,) = decide_build([([MetricGate(name="m")], build)])[0].verdicts
        assert f"look {stop.look} of 3" in verdict.reason
    assert len(orders) == 20


def test_an_answer_of_the_other_epochs_has_their_score():
    """Epochs 0–2 say one thing, 3–5 another: held out, an epoch has the mean of its two twins.

    But not among the twenty anchors, whose answers are judged all the same.
    """
    run = worded(wavering(), lambda case_id, repeat: f"{case_id} {repeat // 3}")
    values = {o.case_id: o.values for o in observe(run, "m")}
    for epoch, build in enumerate(spared(run).direct()):
        twins = [e for e in range(6) if e // 3 == epoch // 3 and e != epoch]
        judged = {s.case_id: s.value for s in build.run.scores if not s.known}
        known = {s.case_id: s.value for s in build.run.scores if s.known}
        assert len(judged) == 20
        assert len(known) >= 20  # the rest of the first look at least
        assert judged == {case_id: values[case_id][epoch] for case_id in judged}
        assert known == pytest.approx(
            {case_id: np.mean([values[case_id][e] for e in twins]) for case_id in known}
        )


def test_passages_that_stayed_are_known_also_of_anchors():
    """The judge of such a metric is shown no answer: other answers over the same passages."""
    run = worded(wavering(), "{} {}".format)
    for build in spared(run, on="passages").drawn(3, seed=1):
        assert all(score.known for score in build.run.scores)


def test_targets_that_are_compared_are_judged_whole():
    """What is known stays known; another target's gates need every score."""
    for build in spared(worded(wavering(), "{}".format), suite="s@small").drawn(3, seed=1):
        assert build.run.looks is None
        assert sum(score.known for score in build.run.scores) == 80


def test_without_a_judge_that_costs_every_score_is_asked_for():
    run = worded(wavering(), "{}".format)
    for build in Builds(measured(run)).drawn(3, seed=1):
        assert build.run.looks is None
        assert len(build.run.scores) == 100
        assert not any(score.known for score in build.run.scores)


def test_a_run_of_one_repeat_has_no_noise_to_show():
    with pytest.raises(DataError, match="at least 2 repeats"):
        builds({"faithfulness": {"a": 1.0, "b": 0.5}})


def test_a_baseline_is_a_run_of_its_epochs():
    """Scores, tokens and dollars an epoch; digests stand where there are no texts."""
    baseline = make_baseline(
        {"faithfulness": {"a": SIX[:5], "b": 1.0}}, tokens={"a": (7, 3)}, usd={"a": 0.5}
    )
    run = run_of(baseline)
    first, second = observe(run, "faithfulness")
    assert first.values == tuple(SIX[:5])
    assert second.values == (1.0,) * 5
    answer = run.trials[0].outcome
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3)
    assert answer.cost.usd == 0.5
    assert Builds(measured(run)).epochs == 5
    known = run_of(baseline, [Case(id="b", input="?", expect="abstain")])
    assert [case.expect for case in known.cases] == ["answer", "abstain"]
