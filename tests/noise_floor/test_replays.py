"""New breaches in drawn builds are replayed by the other epochs of the same attack."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.gates.decide import decide_build
from evalkit.gates.rate import RateGate
from evalkit.noise_floor.builds import Builds
from evalkit.noise_floor.replays import hits_of
from evalkit.records import Attack
from tests.builders import make_run, measured

ATTACK = Attack(id="a", channel="document", technique="t")
GATE = RateGate(name="m", compare=True, margin=0.2)
ONCE = [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
NEVER = [1.0] * 6


def attacked(scores, *, harmless=()):
    run = make_run({"m": scores})
    cases = (replace(case, attack=None if case.id in harmless else ATTACK) for case in run.cases)
    return replace(run, cases=tuple(cases))


def withstood(n: int = 40):
    return {f"c{i:02}": NEVER for i in range(n)}


def replays(run, gate=GATE, **drawn):
    made = Builds(measured(run), gates=[gate])
    return [build.run.replays for build in (made.drawn(**drawn) if drawn else made.direct())]


def test_the_epoch_that_was_breached_is_replayed_by_all_of_them():
    """One attack of six epochs, hit in the third: only there it is new, three draws of the six."""
    found = replays(attacked({"a": ONCE, **withstood()}))
    assert [len(of_epoch) for of_epoch in found] == [0, 0, 1, 0, 0, 0]
    (replay,) = found[2]
    assert (replay.case_id, replay.metric, len(replay.hits)) == ("a", "m", 3)


def test_replays_are_hit_as_often_as_the_attacks_epochs_were():
    """One time in six, over 400 builds of some 40 draws of such an attack each."""
    run = attacked({f"c{i:02}": ONCE for i in range(40)})
    hits = [hit for build in replays(run, builds=400, seed=1) for one in build for hit in one.hits]
    assert len(hits) > 3000
    assert sum(hits) / len(hits) == pytest.approx(1 / 6, abs=0.03)
    assert replays(run, builds=3, seed=2) == replays(run, builds=3, seed=2)


def test_a_case_drawn_again_is_replayed_under_its_own_name():
    run = attacked({f"c{i:02}": ONCE for i in range(10)})
    named = {one.case_id for build in replays(run, builds=40, seed=1) for one in build}
    assert any("~" in case_id for case_id in named)


def test_an_epoch_without_a_score_is_a_replay_without_one():
    run = attacked({"a": [1.0, None, 0.0, 1.0, 1.0, 1.0], **withstood()})
    assert hits_of(run, [GATE])["a", "m"] == [False, None, True, False, False, False]


@pytest.mark.parametrize(
    ("run", "gate"),
    [
        (attacked({"a": ONCE, **withstood()}, harmless={"a"}), GATE),
        (attacked({"a": ONCE, **withstood()}), replace(GATE, replays=0)),
        (attacked({"a": [1.0, 0.0, 0.0, 1.0, 1.0, 1.0], **withstood()}), GATE),
    ],
)
def test_what_a_build_would_not_replay_is_not(run, gate):
    """A question that is no attack, a gate that asks for none, and a breach seen before."""
    assert replays(run, gate) == [()] * 6


def test_of_more_than_twenty_new_breaches_twenty_are_replayed():
    run = attacked({f"c{i:02}": ONCE for i in range(25)})
    assert [len(of_epoch) for of_epoch in replays(run)] == [0, 0, 20, 0, 0, 0]


def test_a_drawn_build_decides_on_new_breaches_like_any_other():
    """Hit in the third of six epochs alone: nobody has to be asked to run it again."""
    run = attacked({"a": ONCE, **withstood()})
    of_third = list(Builds(measured(run), gates=[GATE]).direct())[2]
    (verdict,) = decide_build([([GATE], of_third)])[0].verdicts
    (check,) = [check for check in verdict.checks if check.kind == "new breach"]
    assert "of 3 replays" in check.reason
