"""Looks: the order, when judging ends, and that what was judged decides as the engine stopped."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from evalkit.gates import sequential
from evalkit.gates.coverage import CoverageGate
from evalkit.gates.decide import decide_build
from evalkit.gates.limits import ALPHA
from evalkit.gates.metric import MetricGate
from evalkit.gates.sequential import course_of, looks_of, ordered, settled, walk
from evalkit.records import Looks, Stop
from tests.builders import by_case, decided, make_baseline, make_run, measured

GATE = MetricGate(name="m")
SEED = "abc"


# ── a stand-in for the engine ────────────────────────────────────────────────────────────────────


def cut(run, look, *, tests=1, seed=SEED, metrics=("m",)):
    """The run as it is where judging of its metrics ended at a look."""
    order = ordered(seed, [case.id for case in run.cases])
    sizes = looks_of(len(order))
    spared = order[sizes[look - 1] :]
    return replace(
        run,
        scores=tuple(
            s for s in run.scores if s.metric not in metrics or s.case_id not in set(spared)
        ),
        looks=Looks(
            seed=seed,
            tests=tests,
            stops=tuple(Stop(metric=m, sizes=sizes, look=look, spared=spared) for m in metrics),
        ),
    )


def judged(run, baseline, gates=(GATE,), *, tests=1, seed=SEED):
    """The measurement after as many looks as the gates needed."""
    for look in (1, 2, 3):
        found = measured(cut(run, look, tests=tests, seed=seed), baseline)
        if look == 3 or settled(gates, found, "m"):
            return found
    raise AssertionError


def compared(now, before=0.8, **how):
    run = make_run({"m": now})
    baseline = make_baseline({"m": dict.fromkeys(now, before)})
    return judged(run, baseline, **how)


def even(mean, spread=0.1, n=100):
    """Alternately above and below, in the order of judging: every look has the same mean."""
    order = ordered(SEED, by_case([0.0] * n))
    return {c: mean + spread * (-1) ** i for i, c in enumerate(order)}


def look_of(measurement):
    return measurement.run.looks.stops[0].look


def noise(n, mean=0.8, spread=0.1, seed=1):
    rng = random.Random(seed)
    return by_case([min(1.0, max(0.0, rng.gauss(mean, spread))) for _ in range(n)])


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────


def test_looks_are_at_40_70_and_100_percent_of_sixty_cases_and_more():
    """The first is never at fewer than thirty."""
    assert looks_of(100) == (40, 70, 100)
    assert looks_of(59) == ()
    assert looks_of(60) == (30, 42, 60)
    assert looks_of(75) == (30, 53, 75)
    assert looks_of(76) == (31, 54, 76)


def test_the_order_is_the_seed_s_and_not_the_given_one():
    ids = [f"c{i}" for i in range(50)]
    order = ordered("a", ids)
    assert sorted(order) == sorted(ids) != list(order)
    assert ordered("a", ids[::-1]) == order
    assert ordered("b", ids) != order
    # The place of a case does not depend on the others: a subset keeps the order.
    assert ordered("a", ids[:20]) == tuple(i for i in order if i in set(ids[:20]))


# ── ending early ─────────────────────────────────────────────────────────────────────────────────


def test_an_unchanged_build_ends_at_the_first_look_and_says_so():
    measurement = compared(by_case([0.8] * 100))
    assert look_of(measurement) == 1
    verdict = decided(GATE, measurement)
    assert verdict.outcome == "PASS"
    assert "; decided at look 1 of 3, 40 of 100 cases" in verdict.reason
    comparison = verdict.checks[0].comparison
    assert (comparison.look, comparison.looks, comparison.n_pairs) == (1, 3, 40)
    assert comparison.pass_level == pytest.approx(0.04, abs=1e-6)


def test_a_clear_drop_ends_at_the_first_look_red():
    measurement = compared(noise(100, mean=0.6))
    assert look_of(measurement) == 1
    verdict = decided(GATE, measurement)
    assert verdict.outcome == "FAIL"
    assert "sequential p" in verdict.reason
    assert "Holm" not in verdict.reason


def test_cases_that_all_stayed_the_same_are_not_taken_for_certainty():
    """Forty differences of 0 rule out a drop of 0.05 by a spread of 0.02 that nobody saw."""
    comparison = decided(GATE, compared(by_case([0.8] * 100))).checks[0].comparison
    assert comparison.standard_error == pytest.approx(0.02 / 40**0.5)
    assert comparison.low == pytest.approx(-2.0227 * 0.02 / 40**0.5, abs=1e-5)


def test_a_pass_at_the_last_look_rests_on_that_look_s_bound():
    """z > 1.519 at the third look: at z = 1.6 a test with one look would leave it open."""
    # No change ± 0.3: SE = 0.3/√99 = 0.03015; 0.0488/0.03015 = 1.62 lies between t_.9357 = 1.53
    # and t_.95 = 1.66. At the looks before it is 1.02 and 1.35.
    gate = MetricGate(name="m", margin=0.0488)
    measurement = compared(even(0.5, spread=0.3), before=0.5, gates=[gate])
    assert look_of(measurement) == 3
    verdict = decided(gate, measurement)
    assert verdict.outcome == "PASS"
    assert verdict.checks[0].comparison.pass_level == pytest.approx(0.0643, abs=2e-4)
    run = replace(measurement.run, looks=None)
    assert decided(gate, replace(measurement, run=run)).outcome == "INCONCLUSIVE"


def test_what_is_open_goes_on_to_the_last_look():
    # A margin of 0.01 that 100 cases with a spread of 0.1 cannot show: SE = 0.01.
    gate = MetricGate(name="m", margin=0.01, min_effect=0.01)
    measurement = compared(noise(100), gates=[gate])
    assert look_of(measurement) == 3
    verdict = decided(gate, measurement)
    assert verdict.outcome == "INCONCLUSIVE"
    assert "; undecided after look 3 of 3, 100 of 100 cases" in verdict.reason
    assert "would decide" in verdict.reason


def test_every_gate_on_the_metric_must_be_decided():
    hard = MetricGate(name="hard", metric="m", margin=0.01, min_effect=0.01)
    assert look_of(compared(noise(100))) == 1
    assert look_of(compared(noise(100), gates=[GATE, hard])) == 3


def test_one_failed_check_ends_it_for_all():
    """The floor of 0.6 is open where the drop from 0.8 is not: the build is red anyway."""
    gate = MetricGate(name="m", floor=0.6)
    measurement = compared(noise(100, mean=0.6), gates=[gate])
    assert look_of(measurement) == 1
    drop, floor = decided(gate, measurement).checks
    assert (drop.outcome, floor.outcome) == ("FAIL", "INCONCLUSIVE")
    assert "judging stopped, as another check failed" in floor.reason


def test_a_floor_is_passed_early_on_proof_alone():
    # At 0.80 ± 0.014 the floor of 0.79 is reached, not proven: the last look takes the mean.
    near = MetricGate(name="m", floor=0.79, compare=False)
    far = MetricGate(name="m", floor=0.70, compare=False)
    now = even(0.8)
    assert look_of(compared(now, gates=[far])) == 1
    measurement = compared(now, gates=[near])
    assert look_of(measurement) == 3
    verdict = decided(near, measurement)
    assert verdict.outcome == "PASS"
    assert "reaches the floor 0.79; decided at look 3 of 3" in verdict.reason


def test_a_missing_score_is_judged_to_the_end():
    now = by_case([0.8] * 100)
    first = ordered(SEED, now)[0]
    measurement = compared(now | {first: None})
    assert look_of(measurement) == 3
    verdict = decided(GATE, measurement)
    assert verdict.outcome == "PASS"  # 0 or 1 in its place changes the mean by 0.008 at most
    assert "decided at look 3 of 3, 99 of 100 cases" in verdict.reason
    # A floor waits as well: with the 0 that may stand for it the mean is 0.792.
    floor = MetricGate(name="m", floor=0.75, compare=False)
    measurement = compared(now | {first: None}, gates=[floor])
    assert look_of(measurement) == 3
    assert decided(floor, measurement).outcome == "PASS"


def test_a_look_below_the_gate_s_minimum_decides_nothing():
    measurement = compared(by_case([0.8] * 60), gates=[replace(GATE, min_cases=40)])
    assert look_of(measurement) == 2  # 30, 42, 60
    assert look_of(compared(by_case([0.8] * 60))) == 1


def test_looks_that_add_no_pair_are_no_looks():
    """Bounds are for a share of the information that grows."""
    run = make_run({"m": by_case([0.8] * 100)})
    course = course_of(measured(cut(run, 1)), "m")
    fail = pytest.fail
    assert walk(course, among=course.order[:40], test=fail, decide=fail) is None
    assert walk(course, among=course.order[40:], test=fail, decide=fail) is None


def test_a_metric_that_nothing_tests_in_looks_is_judged_to_the_end():
    found = measured(make_run({"m": by_case([0.8] * 100)}), make_baseline({"m": noise(100)}))
    assert not settled([GATE], found, "m")
    assert not settled([], found, "m")


# ── deciding what was judged ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mean", [0.82, 0.79, 0.76, 0.7])
@pytest.mark.parametrize("seed", range(5))
def test_a_decided_look_is_not_changed_by_later_cases(mean, seed):
    """Judging on after the metric had stopped gives the same verdict with the same numbers."""
    run = make_run({"m": noise(100, mean=mean, seed=seed)})
    baseline = make_baseline({"m": by_case([0.8] * 100)})
    early = judged(run, baseline)
    whole = measured(cut(run, 3), baseline)
    assert decided(GATE, early).checks == decided(GATE, whole).checks


def test_p_adjusted_meets_alpha_where_the_bound_is_crossed():
    """z > 2.887 at the first of three looks for one test, > 3.780 for one of four."""
    # −0.055 with SE = 0.1/√39 = 0.01601: t = −3.43 on 39 df, P = 0.00071, z = 3.19.
    now = even(0.745)
    for tests, fails in ((1, True), (4, False)):
        found = measured(cut(make_run({"m": now}), 1, tests=tests), None)
        found = replace(found, baseline=make_baseline({"m": by_case([0.8] * 100)}))
        (test,) = GATE.tests(found)
        assert test.p_value == pytest.approx(0.00071, abs=1e-5)
        assert (test.p_adjusted <= ALPHA) == fails


def test_the_build_s_family_counts_even_where_it_has_grown():
    """Judged as the only test, decided among four: the bound is that of four."""
    now = even(0.745)
    part = (
        [GATE],
        measured(cut(make_run({"m": now}), 1), make_baseline({"m": by_case([0.8] * 100)})),
    )
    (alone,) = decide_build([part])
    assert alone.outcome == "FAIL"
    assert [d.outcome for d in decide_build([part] * 4)] == ["INCONCLUSIVE"] * 4


def test_a_test_decided_in_looks_is_p_1_for_the_others():
    """A second test with p = 0.02 is one of two: 0.04, whatever the one in looks found."""
    # −0.05 with SE = 0.183/√59 = 0.02383: t = −2.099, p = 0.0201.
    plain = by_case([0.5 - 0.05 + 0.183 * (-1) ** i for i in range(60)])
    fixed = measured(make_run({"f": plain}), make_baseline({"f": by_case([0.5] * 60)}))
    for mean in (0.8, 0.5):
        looked = compared(noise(100, mean=mean), tests=2)
        found = decide_build([([GATE], looked), ([MetricGate(name="f")], fixed)])
        assert found[1].comparisons[0].p_adjusted == pytest.approx(0.0402, abs=2e-4)


def test_the_release_lane_does_not_decide_on_half_of_the_cases():
    early = replace(compared(by_case([0.8] * 100)), lane="release")
    check = decided(GATE, early).checks[0]
    assert check.outcome == "INCONCLUSIVE"
    assert check.reason.startswith("judging stopped early under other rules: 40 of 100 cases")


def test_other_looks_than_today_s_decide_nothing(monkeypatch):
    early = compared(by_case([0.8] * 100))
    whole = measured(cut(make_run({"m": by_case([0.8] * 100)}), 3), early.baseline)
    monkeypatch.setattr(sequential, "FRACTIONS", (0.25, 1.0))
    assert decided(GATE, early).outcome == "INCONCLUSIVE"
    floor = MetricGate(name="m", floor=0.5, compare=False)
    assert "under other rules" in decided(floor, early).reason
    # Near miss: with every case judged there is nothing that a stop could have hidden.
    assert decided(GATE, whole).outcome == "PASS"
    assert decided(GATE, whole).checks[0].comparison.look == 0


def test_new_and_removed_cases_are_told_where_some_were_spared():
    now = by_case([0.8] * 100) | by_case([0.8] * 4, "new")
    baseline = make_baseline({"m": by_case([0.8] * 100) | by_case([0.8] * 3, "old")})
    measurement = judged(make_run({"m": now}), baseline)
    assert look_of(measurement) == 1
    verdict = decided(GATE, measurement)
    assert verdict.outcome == "PASS"
    assert "3 removed cases (old000, old001, old002)" in verdict.reason
    assert "4 new cases" in verdict.reason
    assert "of 100 cases" in verdict.reason


# ── what was spared is complete, and chosen by the seed alone ────────────────────────────────────


def coverage(measurement):
    return decided(CoverageGate(), measurement)


def test_spared_cases_are_not_missing():
    verdict = coverage(compared(by_case([0.8] * 100)))
    assert verdict.outcome == "PASS"
    assert "40 cases scored for m, 60 not needed" in verdict.reason


def broken(change):
    """An early end with its stop changed."""
    measurement = compared(by_case([0.8] * 100))
    looks = measurement.run.looks
    stop = replace(looks.stops[0], **change(looks.stops[0]))
    run = replace(measurement.run, looks=replace(looks, stops=(stop,)))
    return replace(measurement, run=run)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: {"spared": s.spared[1:]}, "not the last of its order"),
        (lambda s: {"spared": (*s.spared, "x")}, "of a case not in the dataset: x m"),
        (lambda s: {"look": 2}, "not the last of its order after look 2 of 3"),
        (lambda s: {"metric": "n"}, "judged in looks, but not in the suite: n"),
    ],
)
def test_a_stop_that_does_not_fit_what_was_spared_is_an_error(change, told):
    measurement = broken(change)
    verdict = coverage(measurement)
    assert verdict.outcome == "ERROR"
    assert told in verdict.reason
    assert decided(GATE, measurement).outcome != "PASS"


def test_cases_spared_out_of_order_are_an_error():
    """Whoever left out the worst fifty cases has not judged the first fifty."""
    measurement = compared(by_case([0.8] * 100))
    looks = replace(measurement.run.looks, seed="another")
    run = replace(measurement.run, looks=looks)
    assert coverage(replace(measurement, run=run)).outcome == "ERROR"


def test_a_case_that_is_judged_and_spared_is_an_error():
    measurement = compared(by_case([0.8] * 100))
    whole = make_run({"m": by_case([0.8] * 100)})
    both = replace(measurement.run, scores=whole.scores)
    verdict = coverage(replace(measurement, run=both))
    assert verdict.outcome == "ERROR"
    assert "m both judged and spared" in verdict.reason


# ── error rates ──────────────────────────────────────────────────────────────────────────────────


def rates(shift, *, n=100, builds=300, spread=0.18):
    """Outcomes, and the share of cases judged, of builds with differences of this spread."""
    rng = random.Random(f"{shift} {n}")
    ids = list(by_case([0.0] * n))
    baseline = make_baseline({"m": dict.fromkeys(ids, 0.5)})
    outcomes, share = [], 0.0
    for seed in range(builds):
        now = {i: min(1.0, max(0.0, 0.5 + rng.gauss(shift, spread))) for i in ids}
        measurement = judged(make_run({"m": now}), baseline, seed=str(seed))
        outcomes.append(decided(GATE, measurement).outcome)
        share += looks_of(n)[look_of(measurement) - 1] / n / builds
    return {name: outcomes.count(name) / builds for name in ("PASS", "FAIL", "INCONCLUSIVE")}, share


@pytest.mark.slow
def test_unchanged_builds_rarely_fail_and_save_a_third_of_the_judging():
    """The study: 4.1 % FAIL, 64 % of the calls at n = 100, re-rolled (sd(d) about 0.18)."""
    found, share = rates(0.0)
    assert found["FAIL"] <= ALPHA + 2.58 * (0.05 * 0.95 / 300) ** 0.5
    assert share < 0.75
    found, share = rates(0.0, n=200)
    assert found["FAIL"] <= ALPHA + 2.58 * (0.05 * 0.95 / 300) ** 0.5
    assert share <= 0.65


@pytest.mark.slow
def test_a_drop_of_the_margin_rarely_passes_and_one_of_twice_that_never():
    found, _ = rates(-0.05)
    assert found["PASS"] <= 0.21
    found, _ = rates(-0.10)
    assert found["PASS"] <= 0.025
    assert found["FAIL"] > 0.9
