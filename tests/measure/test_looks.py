"""What need not be judged is not: what the baseline knows, and what no verdict needs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gate_rates.builds import ORDER, Cell, Stage
from benchmarks.gate_rates.model import Change
from benchmarks.gate_rates.runner import (
    METRIC,
    GivenMetric,
    Scripted,
    answered,
    baseline_of,
)
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Measurement, Promise
from evalkit.gates.rate import RateGate
from evalkit.measure.looks import Known, ended, schedules
from evalkit.plan import Past
from evalkit.records import Failure, Trial

IDS = [f"c{i:03}" for i in range(100)]
SAME = dict.fromkeys(IDS, "It is.")
NEW = dict.fromkeys(IDS, "It was.")


def noise(seed, sd=0.1, mean=0.8):
    drawn = random.Random(seed)
    return {case_id: min(1.0, max(0.0, drawn.gauss(mean, sd))) for case_id in IDS}


def epochs(n=5, texts=SAME, values=None):
    return baseline_of([(texts, values or noise(i)) for i in range(n)])


# ── known scores ─────────────────────────────────────────────────────────────────────────────────


def known(baseline, text, *, metric=None, question="c000", anchored=False):
    past = Scripted(texts=SAME, values={}, baseline=baseline).past
    case = next(c for c in Scripted(texts=SAME, values={}, baseline=None).plan.dataset.cases
                if c.id == question)  # fmt: skip
    trial = Trial(case_id=question, repeat=0, outcome=answered(text, question))
    what = Known.of(past) if anchored else replace(Known.of(past), anchors=frozenset())
    return what.score(metric or GivenMetric(), case, trial)


def test_an_answer_of_the_baseline_has_the_mean_of_the_epochs_that_gave_it():
    """Epochs 0 and 2 gave it, with 0.5 and 0.7; epoch 1 gave another, with 0.1."""
    given = [("Yes.", 0.5), ("No.", 0.1), ("Yes.", 0.7)]
    baseline = baseline_of([({"c000": text}, {"c000": value}) for text, value in given])
    found = known(baseline, "Yes.")
    assert found.known
    assert found.value == pytest.approx(0.6)
    assert known(baseline, "No.").value == 0.1
    assert known(baseline, "Yes") is None  # a near miss: no full stop


def test_an_epoch_without_a_score_leaves_nothing_known():
    """Three answers and two scores: the second value could be that of the second or third."""
    baseline = baseline_of([({"c000": "Yes."}, {"c000": value}) for value in (0.5, 0.6, 0.7)])
    case = replace(baseline.cases[0], scores=((METRIC, (0.5, 0.7)),))
    assert known(baseline, "Yes.") is not None
    assert known(replace(baseline, cases=(case,)), "Yes.") is None


def test_what_was_not_judged_by_a_judge_is_measured_again():
    class Free(GivenMetric):
        judged_on = ""

    class Silent(GivenMetric):
        judged_on = None

    assert known(epochs(), "It is.") is not None
    assert known(epochs(), "It is.", metric=Free()) is None
    assert known(epochs(), "It is.", metric=Silent()) is None


def test_a_metric_judged_on_passages_does_not_care_for_the_answer():
    class OfPassages(GivenMetric):
        judged_on = "passages"

    assert known(epochs(), "Whatever.") is None
    assert known(epochs(), "Whatever.", metric=OfPassages()) is not None


def test_a_failed_trial_and_a_new_case_are_not_known():
    past = Scripted(texts=SAME, values={}, baseline=epochs()).past
    case = Scripted(texts=SAME, values={}, baseline=None).plan.dataset.cases[0]
    failed = Trial(case_id=case.id, repeat=0,
                   outcome=Failure(stage="answer", error_type="E", message="m"))  # fmt: skip
    assert Known.of(past).score(GivenMetric(), case, failed) is None
    new = replace(case, id="new")
    trial = Trial(case_id="new", repeat=0, outcome=answered("It is.", "c000"))
    assert Known.of(past).score(GivenMetric(), new, trial) is None
    assert Known.of(None).score(GivenMetric(), case, trial) is None


# ── which metrics are judged in looks ────────────────────────────────────────────────────────────


def looked(**given):
    scripted = Scripted(**({"texts": NEW, "values": noise(9), "baseline": epochs()} | given))
    return schedules(scripted.plan, scripted.past)


def test_a_gated_metric_is_judged_in_looks_at_40_70_and_100_percent():
    (schedule,) = looked().values()
    assert schedule.sizes == (40, 70, 100)
    assert [len(schedule.due(look)) for look in (1, 2, 3)] == [40, 30, 30]
    assert {case.id for look in (1, 2, 3) for case in schedule.due(look)} == set(IDS)


@pytest.mark.parametrize(
    "given",
    [
        {"looks": False},
        {"baseline": None},
        {"gates": ()},
        {"gates": (MetricGate(name=METRIC, compare=False, floor=0.5),)},
        {"gates": (MetricGate(name=METRIC), RateGate(name="r", metric=METRIC, max_rate=0.1))},
        {"texts": dict.fromkeys(IDS[:59], "It was.")},
    ],
)
def test_any_other_is_judged_whole(given):
    """A floor alone, a gate that counts cases and a set below 60 need every score."""
    assert looked(**given) == {}


# ── through the engine ───────────────────────────────────────────────────────────────────────────


def test_an_unchanged_build_asks_about_forty_of_a_hundred_cases(tmp_path):
    """Every answer is new to the byte and as good as before: the first look settles it."""
    build = Scripted(texts=NEW, values=noise(9), baseline=epochs())
    run = build.run(tmp_path)
    assert len(build.metric.asked) == 40
    (stop,) = run.looks.stops
    assert (stop.look, len(stop.spared)) == (1, 60)
    assert not {s.case_id for s in run.scores} & set(stop.spared)
    verdict = build.verdict(run)
    assert verdict.outcome == "PASS"
    assert "look 1 of 3" in verdict.reason


def test_a_broken_build_fails_at_the_first_look(tmp_path):
    build = Scripted(texts=NEW, values=noise(9, mean=0.4), baseline=epochs())
    run = build.run(tmp_path)
    assert len(build.metric.asked) == 40
    assert build.verdict(run).outcome == "FAIL"


def test_what_no_look_settles_is_judged_to_the_end(tmp_path):
    """A small drop under wide noise: neither bound is crossed before the last case, nor then."""
    build = Scripted(texts=NEW, values=noise(3, sd=0.3, mean=0.86), baseline=epochs())
    run = build.run(tmp_path)
    assert len(build.metric.asked) == 100
    assert run.looks.stops[0].look == 3
    assert build.verdict(run).outcome == "INCONCLUSIVE"


def test_of_unchanged_answers_twenty_are_judged_all_the_same(tmp_path):
    """They would show a judge that has changed under its name; the other eighty cost nothing."""
    build = Scripted(texts=SAME, values=noise(9), baseline=epochs())
    run = build.run(tmp_path)
    (schedule,) = looked().values()
    assert set(build.metric.asked) == {case.id for case in schedule.cases[:20]}
    assert {s.case_id for s in run.scores if not s.known} == set(build.metric.asked)
    assert build.verdict(run).outcome == "PASS"


def test_a_metric_judged_on_passages_has_no_anchors(tmp_path):
    """Its judge is the same judge; the answers' metrics keep watch."""
    past = Scripted(texts=SAME, values={}, baseline=epochs()).past
    assert len(Known.of(past).anchors) == 20

    class OfPassages(GivenMetric):
        judged_on = "passages"

    case_id = min(Known.of(past).anchors)
    anchor = {"question": case_id, "anchored": True}
    assert known(epochs(), "It is.", **anchor) is None
    assert known(epochs(), "It is.", metric=OfPassages(), **anchor) is not None


def test_with_half_the_answers_known_a_third_is_asked(tmp_path):
    """Of the first look's 40 cases: some 20 new answers, and some 10 of the 20 anchors."""
    half = {case_id: ("It is." if i % 2 else "It was.") for i, case_id in enumerate(IDS)}
    build = Scripted(texts=half, values=noise(9), baseline=epochs())
    run = build.run(tmp_path)
    assert 20 < len(build.metric.asked) < 40
    assert sum(score.known for score in run.scores) + len(build.metric.asked) == 40


def test_a_missing_score_has_every_case_judged(tmp_path):
    """A verdict must then hold whatever the score would have been."""
    values = noise(9) | {case_id: ValueError("no verdict") for case_id in IDS}
    some = {**noise(9), **{k: values[k] for k in _first_of_the_order(1)}}
    build = Scripted(texts=NEW, values=some, baseline=epochs())
    run = build.run(tmp_path)
    assert len(set(build.metric.asked)) == 100
    assert run.looks.stops[0].spared == ()


def _first_of_the_order(n):
    (schedule,) = looked().values()
    return [case.id for case in schedule.cases[:n]]


def test_the_order_is_that_of_the_seed_and_the_same_again(tmp_path):
    def spared(seed, folder):
        build = Scripted(texts=NEW, values=noise(9), baseline=epochs(), seed=seed)
        return build.run(tmp_path / folder).looks.stops[0].spared

    assert spared("one", "a") == spared("one", "b")
    assert set(spared("one", "c")) != set(spared("two", "d"))


def test_a_resumed_run_asks_nothing_twice(tmp_path):
    build = Scripted(texts=NEW, values=noise(9), baseline=epochs())
    first = build.run(tmp_path)
    again = Scripted(texts=NEW, values=noise(9), baseline=epochs())
    second = again.run(tmp_path, resume=True)
    assert again.metric.asked == []
    assert (second.scores, second.looks) == (first.scores, first.looks)


# ── a run that was judged whole ──────────────────────────────────────────────────────────────────

HALF = {case_id: ("It is." if i % 2 else "It was.") for i, case_id in enumerate(IDS)}
FLOORED = MetricGate(name=METRIC, floor=0.75)


@pytest.mark.parametrize(
    ("given", "look"),
    [
        ({"values": noise(9)}, 1),
        ({"values": noise(9, mean=0.4)}, 1),
        ({"values": noise(9, sd=0.2, mean=0.76)}, 2),
        ({"values": noise(9, sd=0.15, mean=0.7)}, 1),
        ({"values": noise(9, sd=0.15, mean=0.7), "tests": 12}, 2),
        ({"values": noise(3, sd=0.3, mean=0.86)}, 3),
        ({"values": noise(9), "texts": HALF}, 1),
        ({"values": noise(9), "seed": "another"}, 1),
        ({"values": noise(3, sd=0.2), "gates": (FLOORED,), "tests": 12}, 3),
        ({"values": noise(9, mean=0.72), "gates": (FLOORED, MetricGate(name="n", metric=METRIC))},
         1),
        ({"values": noise(9, sd=0.01) | {IDS[0]: ValueError("no verdict")}}, None),
        ({"values": noise(9), "gates": (RateGate(name="r", metric=METRIC, max_rate=0.5),)}, None),
    ],
)  # fmt: skip
def test_a_run_judged_whole_ends_as_the_engine_would_have_ended_it(given, look, tmp_path):
    """The engine is the oracle: the same build judged in looks, and judged whole and cut after.

    A missing score of a later look is not seen at the one that would have settled it, by neither.
    """
    build = Scripted(**({"texts": NEW, "baseline": epochs()} | given))
    by_engine = build.run(tmp_path / "looks")
    past = build.past
    whole = Scripted(**({"texts": NEW, "baseline": epochs()} | given), looks=False)
    judged_whole = whole.run(tmp_path / "whole")
    assert len(judged_whole.scores) == 100
    assert ended(judged_whole, build.plan.promise, replace(past, looks=False)) is judged_whole
    cut = ended(judged_whole, build.plan.promise, past)
    assert (cut.scores, cut.looks) == (by_engine.scores, by_engine.looks)
    if look is not None:
        assert cut.looks.stops[0].look == look
    assert build.verdict(cut) == build.verdict(by_engine)


@pytest.mark.parametrize("drop", [0.0, 0.05])
def test_the_simulation_stops_at_the_same_looks(drop):
    """It has the gate walk as if every look had been taken, and counts those up to the decision."""
    cell = Cell(n=100, regime="high", metrics=2, looks=True, change=Change(drop=drop))
    stage = Stage(cell)
    promise = Promise(
        suite="s", path=Path("s.toml"), root=Path(), inconclusive="warn",
        gates=tuple(stage.gates), judged_on=tuple((name, "answer") for name in stage.metrics),
    )  # fmt: skip
    seen = set()
    for run, baseline in stage.records(stage.drawn(np.random.default_rng(4), 12)):
        measured = Measurement(run=run, estimates=(), baseline=baseline)
        (simulated,) = decide_build([(stage.gates, measured)])
        past = Past(baseline=baseline, looks=True, tests=2, seed=ORDER)
        cut = ended(replace(run, looks=None), promise, past)
        (decision,) = decide_build([(stage.gates, replace(measured, run=cut))])
        looks = {test.metric: test.look for test in simulated.comparisons}
        assert {stop.metric: stop.look for stop in cut.looks.stops} == looks
        assert decision.outcome == simulated.outcome
        seen |= set(looks.values())
    assert len(seen) > 1
