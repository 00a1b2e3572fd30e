"""False alarms of a suite's own gates, on builds in which nothing changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit import assemble, pipeline
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.gates.coverage import CoverageGate
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Promise
from evalkit.gates.versus import VersusGate
from evalkit.noise_floor.floor import Calls, answered_alike, measured, noise_floor, saved
from evalkit.plan import Effort
from evalkit.records import Answer, Score
from tests.builders import make_run
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import plans_of, said, write_served

WAVERING_JUDGE = """
import random
from evalkit.judges.scripted import ScriptedJudge

CHANCE = random.Random(5)

def judge(embedder):
    return ScriptedJudge(supports=lambda claim: CHANCE.choice(["supported", "unsupported"]))

def answer(question):
    return {"text": f"{question} is answered.", "passages": [{"document_id": "d", "text": "All."}]}
"""


def promise(*gates) -> Promise:
    root = Path("/nowhere")
    return Promise(
        suite="rag_quality", path=root / "s.toml", root=root, inconclusive="warn", gates=gates
    )


def noisy(n: int = 60, sd: float = 0.1) -> dict[str, list[float]]:
    values = np.random.default_rng(9).normal(0.7, sd, (n, 6)).clip(0, 1)
    return {f"c{i:02}": row.tolist() for i, row in enumerate(values)}


def test_a_sound_gate_is_red_about_as_often_as_it_may():
    """One gate at α = 0.05: between 2 % and 8 % of 600 builds, and that interval holds it."""
    gate = MetricGate(name="m", min_effect=0.0)
    floor = noise_floor(make_run({"m": noisy()}), promise(gate), builds=600)
    (alarms,) = floor.gates
    low, high = alarms.false_alarms
    assert 0.02 < alarms.share("FAIL") < 0.08
    assert low < alarms.share("FAIL") < high
    assert (alarms.builds, len(alarms.epochs)) == (600, 6)
    assert floor.noisy == ()
    assert (floor.family, floor.level) == (1, 0.05)


def test_a_gate_that_is_red_too_often_is_called_out():
    """A floor that the level itself misses: red whatever changed. The sound gate is not named."""
    gates = (MetricGate(name="m"), MetricGate(name="low", metric="m", floor=0.95, compare=False))
    floor = noise_floor(make_run({"m": noisy()}), promise(*gates), builds=50)
    assert [alarms.gate for alarms in floor.noisy] == ["low"]
    assert floor.gates[1].share("FAIL") == 1.0
    assert floor.build.share("FAIL") == 1.0


def test_the_tests_of_the_whole_build_share_the_error_rate():
    """Alone 5 % of builds are red; among twelve tests a test has 0.42 % by Holm, as if alone."""
    gate = MetricGate(name="m", min_effect=0.0)
    run = make_run({"m": noisy()})
    alone = noise_floor(run, promise(gate), builds=600)
    shared = noise_floor(run, promise(gate), builds=600, family=12)
    assert (shared.family, shared.own, alone.own) == (12, 1, 1)
    assert shared.level == pytest.approx(0.05 / 12)
    assert alone.build.share("FAIL") > 0.02
    assert shared.build.share("FAIL") < 0.015


def test_a_gate_that_is_not_asked_here_is_a_test_of_the_build_all_the_same():
    """`versus` needs another target; it takes its share of the error rate as it does in a build."""
    gates = (MetricGate(name="m"), VersusGate(name="v", metric="m"))
    floor = noise_floor(make_run({"m": noisy()}), promise(*gates), builds=1)
    assert (floor.family, floor.own) == (2, 1)


def asks(*gates, lane="pr") -> Promise:
    return replace(promise(*gates), judged_on=(("m", "answer"), ("free", "")), lane=lane)


def test_what_the_judge_is_spared_in_unchanged_builds_is_counted():
    """Always the same answer and score: of 100 cases 20 are judged, 20 known, 60 never needed."""
    run = make_run({"m": {f"c{i:02}": [0.8] * 6 for i in range(100)}})
    floor = noise_floor(run, asks(MetricGate(name="m")), builds=7, judge_costs=True)
    assert floor.calls == Calls(scores=700, known=140, spared=420)
    assert floor.build.share("PASS") == 1.0
    assert floor.calls.share(floor.calls.spared) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("given", "judge_costs"),
    [({}, False), ({"lane": "release"}, True)],
)
def test_a_judge_that_is_asked_everything_is_spared_nothing(given, judge_costs):
    run = make_run({"m": {f"c{i:02}": [0.8] * 6 for i in range(100)}})
    gate = MetricGate(name="m")
    floor = noise_floor(run, asks(gate, **given), builds=2, judge_costs=judge_costs)
    assert floor.calls is None


@pytest.mark.slow
def test_looks_and_known_answers_keep_the_error_rate():
    """Half the answers the baseline's, judged in looks: 600 unchanged builds, at most 8 % red."""
    run = make_run({"m": noisy(100)})
    trials = tuple(
        replace(t, outcome=replace(t.outcome, text=f"{t.repeat % 2 and t.repeat}"))
        for t in run.trials
        if isinstance(t.outcome, Answer)
    )
    gate = MetricGate(name="m", min_effect=0.0)
    floor = noise_floor(replace(run, trials=trials), asks(gate), builds=600, judge_costs=True)
    assert 0.0 < floor.build.share("FAIL") < 0.08
    assert floor.calls.share(floor.calls.spared) > 0.3
    assert floor.calls.share(floor.calls.known) > 0.1


def test_only_gates_that_compare_a_suite_with_itself_are_asked():
    """Coverage counts and versus needs another target: neither is about noise."""
    gates = (MetricGate(name="m"), VersusGate(name="v", metric="m"), CoverageGate())
    floor = noise_floor(make_run({"m": noisy()}), promise(*gates), builds=5)
    assert [alarms.gate for alarms in floor.gates] == ["m"]
    empty = noise_floor(make_run({"m": noisy()}), promise(CoverageGate()), builds=5)
    assert (empty.gates, empty.build.builds, empty.noisy) == ((), 0, ())


def test_the_share_of_cases_answered_alike_is_counted():
    """One of four cases says something else once; a case that failed once is not alike."""
    run = make_run({"m": dict.fromkeys("abcd", [1.0] * 6)}, failed=[("d", 2)])
    trials = tuple(
        replace(t, outcome=replace(t.outcome, text="b"))
        if (t.case_id, t.repeat) == ("a", 3) and isinstance(t.outcome, Answer)
        else t
        for t in run.trials
    )
    assert answered_alike(run) == 0.75
    assert answered_alike(replace(run, trials=trials)) == 0.5


def test_the_judges_noise_is_told_from_the_targets():
    """A second judging that differs by 0.2 from the first in each case: variance 0.02."""
    run = make_run({"m": noisy()})
    again = [
        replace(score, value=abs(score.value - 0.2), repeat=6)
        for score in run.scores
        if isinstance(score, Score) and score.repeat == 0
    ]
    gate = MetricGate(name="m")
    (split,) = noise_floor(run, promise(gate), builds=1, again=again).spreads
    assert split.judge_variance == pytest.approx(0.02, rel=0.05)
    (whole,) = noise_floor(run, promise(gate), builds=1).spreads
    assert whole.judge_variance is None


def test_a_suite_is_measured_anew_and_its_answers_judged_twice(project):
    """A judge that tosses a coin: 6 × 30 scores, 30 more from the second judging, some different.

    The target says the same each time: all the noise is the judge's.
    """
    project.write("app.py", WAVERING_JUDGE)
    (plan,) = assemble.plans(
        project.root / "suites/tiny.toml",
        project=load_project(project.root),
        profile="offline",
        traffic=Traffic(cached=False),
    )
    place = pipeline.fresh_place(project.root / ".evalkit/noise", resume=False)
    run, again = measured(plan, place=place, effort=Effort(repeats=6))
    assert (len(run.scores), len(again)) == (180, 30)
    assert {score.repeat for score in again} == {6}
    assert answered_alike(run) == 1.0
    floor = noise_floor(run, plan.promise, builds=20, again=again)
    (spread,) = floor.spreads
    assert spread.run_variance == pytest.approx(0.25, abs=0.05)
    assert spread.judge_variance == pytest.approx(0.25, abs=0.1)
    kept = saved(run, plan.promise)
    assert kept.run == run
    assert [verdict.gate for verdict in kept.decision.verdicts] == ["faithfulness", "coverage"]


def test_a_served_judge_is_asked_again_over_the_wire(project):
    """Two epochs of six cases; then faithfulness and recall of the first epoch's six answers again.

    Its models were let go of when the epochs were done: they are opened anew, nothing is cached.
    """
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)
        (plan,) = plans_of(project, profile="provider", cached=False)
        place = pipeline.fresh_place(project.root / "noise", resume=False)
        run = pipeline.measure(plan, place=place, effort=Effort(repeats=2))
        before = len(server.requests)
        (plan,) = plans_of(project, profile="provider", cached=False)
        place = pipeline.fresh_place(project.root / "again", resume=False)
        same, again = measured(plan, place=place, effort=Effort(repeats=2))
        asked = len(server.requests) - 2 * before
    assert len(again) == 12
    assert [s.value for s in same.scores] == [s.value for s in run.scores]
    # An epoch is an answer and the judge's calls: half of two epochs, less its six answers.
    assert asked == before // 2 - 6
