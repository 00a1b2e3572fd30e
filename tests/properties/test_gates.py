"""What holds for any run: better is never redder, order is nothing, what is lost never helps.

Scores lie on a grid of 1/64, so that a shift is exact and no verdict hangs on a rounding.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit import codec
from evalkit.aggregate import estimate
from evalkit.gates.decide import decide_build
from evalkit.gates.limits import ALPHA
from evalkit.gates.metric import MetricGate
from evalkit.gates.sequential import looks_of, ordered
from evalkit.records import Looks, Stop, Unscored
from evalkit.stats.holm import holm
from tests.builders import by_case, make_baseline, make_run, measured

GRID = 64
HALF = st.integers(0, GRID // 2).map(lambda i: i / GRID)
SHIFT = st.integers(0, GRID // 2).map(lambda i: i / GRID)
CLUSTERED = st.sampled_from([0, 4, 6])
METRICS = ("faithfulness", "context_recall")
RANK = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}


@st.composite
def scored(draw, *, low=8, high=24, values=HALF):
    """Scores before and now of each metric, metric → list, over the same cases."""
    n = draw(st.integers(low, high))
    lists = st.lists(values, min_size=n, max_size=n)
    return {metric: (draw(lists), draw(lists)) for metric in METRICS}


def gates(**changes):
    small = {"min_cases": 2, "min_clusters": 2, "floor": 0.25} | changes
    return [MetricGate(name=metric, **small) for metric in METRICS]


def build(scores, *, groups=0, shift=None):
    """A measurement of these scores, the new ones shifted by so much a metric."""
    shift = shift or {}
    n = len(scores[METRICS[0]][0])
    clusters = {f"c{i:03}": f"doc{i % groups}" for i in range(n)} if groups else {}
    run = make_run(
        {
            metric: by_case([value + shift.get(metric, 0.0) for value in now])
            for metric, (_, now) in scores.items()
        },
        clusters=clusters,
    )
    return measured(run, make_baseline({m: by_case(before) for m, (before, _) in scores.items()}))


def decision(measurement, declared=None):
    ((found),) = decide_build([(declared or gates(), measurement)])
    return found


def as_bytes(found):
    return json.dumps(codec.encode(found), sort_keys=True).encode()


# ── better is never redder ───────────────────────────────────────────────────────────────────────


@given(scored(), CLUSTERED, SHIFT, SHIFT)
def test_a_run_that_is_better_by_a_shift_never_does_worse(scores, groups, first, second):
    """Every score of a metric higher by the same: no gate of the build may turn redder.

    Also those of the other metric, although they share Holm's error rate with it. For any other
    order of runs this does not hold: see the next test.
    """
    shift = {METRICS[0]: first, METRICS[1]: second}
    better = decision(build(scores, groups=groups, shift=shift))
    plain = decision(build(scores, groups=groups))
    for after, before in zip(better.verdicts, plain.verdicts, strict=True):
        for one, other in zip(after.checks, before.checks, strict=True):
            assert RANK[one.outcome] >= RANK[other.outcome], (other.reason, one.reason)


def test_a_run_that_is_better_in_one_case_alone_may_do_worse():
    """The known price of a t test: one outlier widens the spread more than it moves the mean.

    20 drops of 0.03125 ± 0.03125 are evidence (t = −4.4). With one of them a drop of 1 the mean is
    worse, and its error seven times as large (t = −1.6): no FAIL, but no PASS either.
    """
    drops = [0.0 if i % 2 else 0.0625 for i in range(20)]
    even = {m: ([1.0] * 20, [1.0 - d for d in drops]) for m in METRICS}
    broken = {m: (before, [0.0, *now[1:]]) for m, (before, now) in even.items()}
    assert [v.outcome for v in decision(build(even), gates(floor=None)).verdicts] == ["FAIL"] * 2
    outcomes = [v.outcome for v in decision(build(broken), gates(floor=None)).verdicts]
    assert outcomes == ["INCONCLUSIVE"] * 2


# ── order is nothing ─────────────────────────────────────────────────────────────────────────────


@given(scored(), CLUSTERED, st.randoms(use_true_random=False))
def test_permuting_cases_trials_and_scores_changes_no_byte(scores, groups, random):
    measurement = build(scores, groups=groups)

    def shuffled(items):
        return tuple(random.sample(items, len(items)))

    run, baseline = measurement.run, measurement.baseline
    permuted = measured(
        replace(
            run,
            cases=shuffled(run.cases),
            trials=shuffled(run.trials),
            scores=shuffled(run.scores),
        ),
        replace(baseline, cases=shuffled(baseline.cases)),
    )
    assert as_bytes(decision(permuted)) == as_bytes(decision(measurement))


@given(scored(low=3), CLUSTERED)
def test_every_interval_holds_its_point(scores, groups):
    measurement = build(scores, groups=groups)
    for found in estimate(measurement.run):
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    for test in decision(measurement).comparisons:
        assert test.low <= test.delta <= test.high
        assert 0.0 <= test.p_value <= test.p_adjusted <= 1.0


P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


@given(P_VALUES, st.data())
def test_more_evidence_in_one_test_never_takes_any_from_another(p_values, data):
    """Holm is monotone: lowering one p lowers every adjusted p, or leaves it."""
    index = data.draw(st.integers(0, len(p_values) - 1))
    lower = list(p_values)
    lower[index] = data.draw(st.floats(0.0, p_values[index]))
    assert all(a <= b for a, b in zip(holm(lower), holm(p_values), strict=True))


@given(P_VALUES)
def test_a_larger_family_never_finds_more(p_values):
    alone = [p <= ALPHA for p in holm(p_values)]
    among_more = [p <= ALPHA for p in holm(p_values, family_size=len(p_values) + 1)]
    assert all(before or not after for after, before in zip(among_more, alone, strict=True))


# ── what is lost never helps ─────────────────────────────────────────────────────────────────────


def lose(measurement, lost):
    """The measurement with these scores missing, of every metric."""
    run = measurement.run
    scores = tuple(
        Unscored(case_id=s.case_id, repeat=s.repeat, metric=s.metric, reason="lost")
        if s.case_id in lost
        else s
        for s in run.scores
    )
    return measured(replace(run, scores=scores), measurement.baseline)


CASE_IDS = st.sets(st.integers(0, 59).map(lambda i: f"c{i:03}"), min_size=2, max_size=12)


@given(scored(low=60, high=60), CASE_IDS, CASE_IDS)
def test_too_much_missing_stays_an_error_however_much_more_is_missing(scores, lost, more):
    """2 of 60 are above 2 %."""
    measurement = build(scores)
    for gone in (lost, lost | more):
        assert {v.outcome for v in decision(lose(measurement, gone)).verdicts} == {"ERROR"}


@given(scored(low=60, high=60), st.integers(0, 59))
def test_a_verdict_with_a_score_missing_is_that_of_the_worst_and_of_the_best_it_can_have_been(
    scores, index
):
    """One of 60 may be missing: whatever it was, 0 or 1, the full build says the same.

    Compared without Holm's price, which is that of the observed test: one metric, one test.
    """
    metric, gate = METRICS[0], [MetricGate(name=METRICS[0])]
    before, now = scores[metric]

    def ended(values):
        return measured(
            make_run({metric: by_case(values)}), make_baseline({metric: by_case(before)})
        )

    found = decision(lose(ended(now), {f"c{index:03}"}), gate).outcome
    ends = {
        decision(ended([*now[:index], value, *now[index + 1 :]]), gate).outcome
        for value in (0.0, 1.0)
    }
    assert found == "ERROR" or ends == {found}


@pytest.mark.parametrize("seed", range(40))
def test_one_more_missing_score_never_turns_an_error_into_a_pass(seed):
    """Two of 100 may be missing: the verdict hangs on the first, so it does on both.

    With the default margin, that is: a PASS needs an error so small that a score set to 0 lowers
    the mean by more than it can narrow the interval.
    """
    rng = np.random.default_rng(seed)
    metric, gate = METRICS[0], [MetricGate(name=METRICS[0])]
    before = rng.choice([0.0, 0.5, 0.75, 1.0, 1.0], 100)
    now = np.clip(before + rng.normal(-rng.uniform(0.0, 0.03), rng.uniform(0.05, 0.2), 100), 0, 1)
    whole = measured(
        make_run({metric: by_case(now.tolist())}), make_baseline({metric: by_case(before.tolist())})
    )
    one, *others = [f"c{i:03}" for i in rng.permutation(100)[:6]]
    if decision(lose(whole, {one}), gate).outcome == "ERROR":
        for other in others:
            assert decision(lose(whole, {one, other}), gate).outcome != "PASS"


# ── looks ────────────────────────────────────────────────────────────────────────────────────────

N = 60
SEED = "a seed"
ORDER = ordered(SEED, [f"c{i:03}" for i in range(N)])


def in_looks(scores, *, look, kept):
    """A build judged in looks up to `look`, its first metric only; `kept` cases were judged."""
    metric = METRICS[0]
    sizes = looks_of(N)
    before, now = scores[metric]
    values = by_case(now)
    run = make_run({metric: {i: v for i, v in values.items() if i in kept}})
    whole = make_run({metric: values})
    spared = tuple(i for i in ORDER if i not in kept)
    looks = Looks(
        seed=SEED, tests=1, stops=(Stop(metric=metric, sizes=sizes, look=look, spared=spared),)
    )
    run = replace(whole, scores=run.scores, looks=looks)
    return measured(run, make_baseline({metric: by_case(before)}))


def looked(scores, look):
    """How the first metric's gate decides with judging ended at a look."""
    kept = set(ORDER[: looks_of(N)[look - 1]])
    gate = [MetricGate(name=METRICS[0])]
    found = decision(in_looks(scores, look=look, kept=kept), gate)
    return found.verdicts[0], found.comparisons[0]


@given(scored(low=N, high=N, values=st.sampled_from([24 / 64, 28 / 64, 32 / 64])))
def test_a_decided_look_is_not_changed_by_later_cases(scores):
    """A run that stopped early, and the same run judged to the end, are decided alike."""
    (verdict, test), decided_at = looked(scores, 1), 1
    while verdict.outcome == "INCONCLUSIVE" and decided_at < 3:
        decided_at += 1
        verdict, test = looked(scores, decided_at)
    for later in range(decided_at + 1, 4):
        again, same = looked(scores, later)
        assert (again.outcome, same) == (verdict.outcome, test)


@given(
    scored(low=N, high=N, values=st.sampled_from([24 / 64, 28 / 64, 32 / 64])),
    st.integers(0, GRID // 4).map(lambda i: i / GRID),
)
def test_in_looks_too_a_run_that_is_better_by_a_shift_never_does_worse(scores, shift):
    """At each look the shift takes the run away from the one bound and towards the other."""
    metric = METRICS[0]
    before, now = scores[metric]
    better = {metric: (before, [value + shift for value in now])}
    assert RANK[looked(better, 3)[0].outcome] >= RANK[looked(scores, 3)[0].outcome]


@pytest.mark.parametrize("look", [1, 2])
def test_cases_that_were_spared_out_of_order_are_no_early_stop(look):
    """Else what was judged was chosen by something else than the look."""
    scores = {metric: ([0.5] * N, [0.5] * N) for metric in METRICS}
    first = ORDER[0]
    kept = {*ORDER[1 : looks_of(N)[look - 1]], ORDER[-1]}
    assert first not in kept
    found = decision(in_looks(scores, look=look, kept=kept), [MetricGate(name=METRICS[0])])
    assert found.outcome != "PASS"
