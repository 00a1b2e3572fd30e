"""Cost and token gates: caps are exact, increases need evidence, a baseline of 0 is thought of."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from evalkit.gates.budget import CostGate, TokenGate
from evalkit.records import Usage
from tests.builders import FINGERPRINT, by_case, make_baseline, make_run, measured

N = 20
SCORES = {"m": by_case([1.0] * N)}
IDS = list(SCORES["m"])


def costing(now, before=None, *, failed=()):
    """A measurement of runs with these dollars a case."""
    run = make_run(SCORES, usd=dict(zip(IDS, now, strict=True)), failed=failed)
    if before is None:
        return measured(run, None, "no baseline; make one")
    return measured(run, make_baseline(SCORES, usd=dict(zip(IDS, before, strict=True))))


def verdict_of(gate, measurement):
    assert gate.tests(measurement) == ()
    return gate.decide(measurement, ())


@pytest.mark.parametrize(("cap", "outcome"), [(0.002, "PASS"), (0.00199, "FAIL")])
def test_a_mean_meets_its_cap_exactly_or_breaks_it(cap, outcome):
    verdict = verdict_of(CostGate(name="cost", max_usd_per_case=cap), costing([0.002] * N))
    assert verdict.outcome == outcome
    assert verdict.reason.startswith("$0.002 per case, ")


def test_a_broken_cap_names_the_dearest_cases():
    verdict = verdict_of(
        CostGate(name="cost", max_usd_per_case=0.001), costing([0.0] * 17 + [0.02, 0.09, 0.02])
    )
    assert verdict.checks[0].cases[:3] == ("c018", "c017", "c019")


@pytest.mark.parametrize(("cap", "outcome"), [(0.04, "PASS"), (0.039, "FAIL")])
def test_a_run_is_capped_by_its_sum(cap, outcome):
    # 20 × $0.002.
    verdict = verdict_of(CostGate(name="cost", max_usd_per_run=cap), costing([0.002] * N))
    assert verdict.outcome == outcome
    assert verdict.reason.startswith("$0.04 per run, ")


def test_what_was_not_answered_is_not_cheap():
    """One of twenty unanswered: a cap that holds proves nothing, one that breaks is broken."""
    measurement = costing([0.002] * N, [0.002] * N, failed=[("c000", 0)])
    gate = CostGate(name="cost", max_usd_per_case=1.0, max_usd_per_run=1.0, max_increase=0.1)
    verdict = verdict_of(gate, measurement)
    assert [check.outcome for check in verdict.checks] == ["ERROR"] * 3
    assert "1 of 20 cases without an answer (c000); at most 2.0 %" in verdict.reason
    assert verdict_of(CostGate(name="cost", max_usd_per_run=0.01), measurement).outcome == "FAIL"


def test_what_nobody_counted_keeps_no_cap_and_is_no_saving():
    """The target lost its usage: 0 tokens would keep every cap, and be 100 % fewer than before."""
    run = make_run(SCORES, usage=dict.fromkeys(IDS, Usage()))
    measurement = measured(run, make_baseline(SCORES, usd=dict.fromkeys(IDS, 0.002)))
    tokens = TokenGate(
        name="tokens",
        max_input_per_case=9.0,
        max_output_per_case=9.0,
        max_per_run=9,
        max_input_tokens_per_request=9,
        max_output_tokens_per_request=9,
        max_increase=0.1,
    )
    cost = CostGate(
        name="cost",
        max_usd_per_case=1.0,
        max_usd_per_run=1.0,
        max_usd_per_request=1.0,
        max_increase=0.1,
    )
    for gate, checks in ((tokens, 7), (cost, 4)):
        verdict = verdict_of(gate, measurement)
        assert [check.outcome for check in verdict.checks] == ["ERROR"] * checks
        assert "no answer of the run has " in verdict.reason


def test_a_run_of_nothing_is_an_error():
    run = make_run(SCORES, failed=[(case_id, 0) for case_id in IDS])
    gate = CostGate(name="cost", max_usd_per_case=1.0)
    assert verdict_of(gate, measured(run)).outcome == "ERROR"
    empty = replace(run, cases=(), trials=(), scores=())
    assert verdict_of(gate, measured(empty)).outcome == "ERROR"


# ── increases ────────────────────────────────────────────────────────────────────────────────────


def test_a_uniform_increase_above_the_limit_fails():
    # Every case +20 %: no spread, the lower bound is 1.2.
    gate = CostGate(name="cost", max_increase=0.1)
    verdict = verdict_of(gate, costing([0.0024] * N, [0.002] * N))
    assert verdict.outcome == "FAIL"
    assert verdict.reason == (
        "$0.002 → $0.0024 per case, +20.0 % (at least +20.0 % (95 %), 20 paired cases); "
        "allowed +10.0 %"
    )
    assert verdict.checks[0].cases == ("c000", "c001", "c002", "c003", "c004")


@pytest.mark.parametrize(("factor", "outcome"), [(1.1, "PASS"), (1.11, "FAIL"), (0.5, "PASS")])
def test_an_increase_up_to_the_limit_passes(factor, outcome):
    gate = CostGate(name="cost", max_increase=0.1)
    assert verdict_of(gate, costing([0.002 * factor] * N, [0.002] * N)).outcome == outcome


def test_an_increase_that_one_case_makes_is_inconclusive():
    # One case of 20 at seven times its cost: +30 % in all, e = ±; the lower bound is below 1.
    gate = CostGate(name="cost", max_increase=0.1)
    verdict = verdict_of(gate, costing([0.014] + [0.002] * 19, [0.002] * N))
    assert verdict.outcome == "INCONCLUSIVE"
    assert "+30.0 % (at least −21.9 % (95 %)" in verdict.reason


def test_free_stays_free_and_any_price_is_more_than_free():
    gate = CostGate(name="cost", max_increase=0.1)
    free = verdict_of(gate, costing([0.0] * N, [0.0] * N))
    assert (free.outcome, free.reason) == ("PASS", "no cost before, none now")
    priced = verdict_of(gate, costing([0.0] * 19 + [0.001], [0.0] * N))
    assert priced.outcome == "FAIL"
    assert priced.reason.startswith("no cost in the baseline: $0 → $5e-05 per case")
    assert priced.checks[0].cases == ("c019",)


def test_an_increase_over_no_baseline_is_an_error():
    gate = CostGate(name="cost", max_increase=0.1)
    verdict = verdict_of(gate, costing([0.0] * N))
    assert (verdict.outcome, verdict.reason) == ("ERROR", "no baseline; make one")
    assert verdict_of(gate, measured(make_run(SCORES))).reason == (
        "there is no baseline to compare with"
    )


def test_other_cases_than_the_baselines_ask_for_a_new_one():
    # 18 shared, 2 only now: 10 % of 20 are excluded, which is allowed; 3 of 20 are not.
    for shared, outcome in ((18, "PASS"), (17, "ERROR")):
        baseline = make_baseline({"m": by_case([1.0] * shared)}, usd=dict.fromkeys(IDS, 0.01))
        run = make_run(SCORES, usd=dict.fromkeys(IDS, 0.01))
        gate = CostGate(name="cost", max_increase=0.1)
        assert verdict_of(gate, measured(run, baseline)).outcome == outcome


def test_one_pair_cannot_show_an_increase():
    scores = {"m": {"a": 1.0}}
    measurement = measured(make_run(scores), make_baseline(scores))
    verdict = verdict_of(CostGate(name="cost", max_increase=0.1), measurement)
    assert verdict.outcome == "INCONCLUSIVE"


def test_a_pass_tells_of_an_increase_that_most_cases_share():
    """One dear case that stayed as it was hides +9 % of all others in a sum."""
    now = [10.0] + [1.09 * (1 + 0.01 * (i % 3)) for i in range(19)]
    before = [10.0] + [1.0 * (1 + 0.01 * (i % 3)) for i in range(19)]
    verdict = verdict_of(CostGate(name="cost", max_increase=0.1), costing(now, before))
    assert verdict.outcome == "PASS"
    # 1.09^(19/20) − 1 = 8.5 %.
    assert "+5.9 %; allowed +10.0 %; case by case it rose by +8.5 % (at least +7." in verdict.reason


def test_an_increase_below_half_of_what_is_allowed_is_not_told():
    verdict = verdict_of(CostGate(name="cost", max_increase=0.1), costing([0.0104] * N, [0.01] * N))
    assert verdict.reason.endswith("+4.0 %; allowed +10.0 %")
    # Nor one where some answer was free: nothing has no ratio to anything.
    free = verdict_of(
        CostGate(name="cost", max_increase=0.1), costing([0.0] + [1.09] * 19, [1.0] * N)
    )
    assert "case by case" not in free.reason


def repriced(now, *, generator="embedded/extractive", tokens=(100, 10)):
    """A run at another price table, which made every answer dearer by half."""
    fingerprint = replace(FINGERPRINT, price_table="2026-12", generator=generator)
    usage = {i: Usage(input_tokens=now[0], output_tokens=now[1]) for i in IDS}
    run = make_run(SCORES, usd=dict.fromkeys(IDS, 0.03), usage=usage, fingerprint=fingerprint)
    usd = dict.fromkeys(IDS, 0.02)
    return measured(run, make_baseline(SCORES, usd=usd, tokens=dict.fromkeys(IDS, tokens)))


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        ((100, 10), "PASS"),
        ((100, 20), "INCONCLUSIVE"),  # at some prices it is dearer, at others not
        ((200, 20), "FAIL"),  # at any price twice as dear
    ],
)
def test_another_price_table_is_no_regression(now, outcome):
    verdict = verdict_of(CostGate(name="cost", max_increase=0.1), repriced(now))
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(
        "the price table changed (2026-11 → 2026-12), so dollars are not compared, tokens are: "
    )


def test_another_model_at_its_own_price_is_one():
    """Near miss: the price differs because the generator does, which is what is under test."""
    measurement = repriced((100, 10), generator="anthropic/dearer")
    verdict = verdict_of(CostGate(name="cost", max_increase=0.1), measurement)
    assert verdict.outcome == "FAIL"
    assert "+50.0 %" in verdict.reason


def test_another_price_table_without_answers_is_an_error():
    measurement = repriced((100, 10))
    run = replace(measurement.run, trials=measurement.run.trials[1:])
    gate = CostGate(name="cost", max_increase=0.1)
    assert verdict_of(gate, replace(measurement, run=run)).outcome == "ERROR"


# ── how often an increase is called ──────────────────────────────────────────────────────────────


def called(ratio, spread, *, epochs=5, n=100, builds=300):
    """The share of builds whose cost fails; cases and runs as in gating-statistics.md §1.11."""
    rng = np.random.default_rng(20261122)
    gate = CostGate(name="cost", max_increase=0.1)
    scores = {"m": by_case([1.0] * n)}
    empty = make_baseline(scores)
    found = 0
    for _ in range(builds):
        case = rng.lognormal(-7, 0.8 if spread < 0.3 else 1.2, n)
        now = case * rng.lognormal(0, spread, n) * ratio
        before = (case * rng.lognormal(0, spread, (epochs, n))).T.tolist()
        run = make_run(scores, usd=dict(zip(scores["m"], now.tolist(), strict=True)))
        cases = tuple(
            replace(case, usd=tuple(usd)) for case, usd in zip(empty.cases, before, strict=True)
        )
        baseline = replace(empty, cases=cases)
        found += verdict_of(gate, measured(run, baseline)).outcome == "FAIL"
    return found / builds


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_an_unchanged_cost_fails_at_most_six_times_in_a_hundred(spread):
    """Also against a single epoch, which is the worse case."""
    # 99 % of simulations of a true 6 % end below 6 % + 2.58·√(0.06·0.94/300) = 9.5 %.
    assert called(1.0, spread, epochs=1) <= 0.095


@pytest.mark.slow
def test_a_fifth_dearer_is_found():
    assert called(1.2, 0.15) >= 0.99
    assert called(1.2, 0.3) >= 0.79


# ── requests ─────────────────────────────────────────────────────────────────────────────────────


def test_one_dear_answer_breaks_a_cap_that_the_mean_keeps():
    gate = CostGate(name="cost", max_usd_per_request=0.01, max_usd_per_case=0.01)
    verdict = verdict_of(gate, costing([0.001] * 19 + [0.02]))
    assert [check.outcome for check in verdict.checks] == ["PASS", "FAIL"]
    assert verdict.reason == "1 request of 20 above $0.01: c019 $0.02"
    assert verdict_of(gate, costing([0.01] * N)).outcome == "PASS"


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────


def tokens(now, before=(100, 10)):
    usage = {i: Usage(input_tokens=now[0], output_tokens=now[1]) for i in IDS}
    return measured(
        make_run(SCORES, usage=usage), make_baseline(SCORES, tokens=dict.fromkeys(IDS, before))
    )


@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        ({"max_input_per_case": 100}, ["PASS"]),
        ({"max_input_per_case": 99}, ["FAIL"]),
        ({"max_output_per_case": 10}, ["PASS"]),
        ({"max_output_per_case": 9.5}, ["FAIL"]),
        ({"max_per_run": 2200}, ["PASS"]),  # 20 × (100 + 10)
        ({"max_per_run": 2199}, ["FAIL"]),
        ({"max_input_tokens_per_request": 100}, ["PASS"]),
        ({"max_input_tokens_per_request": 99}, ["FAIL"]),
        ({"max_output_tokens_per_request": 10}, ["PASS"]),
        ({"max_output_tokens_per_request": 9}, ["FAIL"]),
        ({"max_increase": 0.1}, ["PASS", "PASS"]),
    ],
)
def test_caps_on_tokens(options, outcomes):
    verdict = verdict_of(TokenGate(name="tokens", **options), tokens((100, 10)))
    assert [check.outcome for check in verdict.checks] == outcomes


def test_input_and_output_increase_apart():
    """Twice the output hides in the sum: 120 against 110 tokens is +9 %."""
    verdict = verdict_of(TokenGate(name="tokens", max_increase=0.1), tokens((100, 20)))
    assert [check.outcome for check in verdict.checks] == ["PASS", "FAIL"]
    assert "10 output tokens → 20 output tokens per case, +100.0 %" in verdict.reason


@pytest.mark.parametrize("gate", [CostGate, TokenGate])
def test_a_budget_without_a_limit_is_refused(gate):
    with pytest.raises(ValueError, match="at least one of"):
        gate(name="g")
    for limit in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="max_increase must be finite and not negative"):
            gate(name="g", max_increase=limit)


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        (CostGate(name="c", max_usd_per_case=0.002), "$0.002 + 1e-06 per case, above $0.002"),
        (CostGate(name="c", max_usd_per_run=0.04), "$0.04 + 2e-05 per run, above $0.04"),
        (CostGate(name="c", max_usd_per_request=0.002), "c000 $0.002 + 1e-06"),
        (CostGate(name="c", max_increase=0.0), "+0.05 % (at least +0.05 % (95 %)"),
    ],
)
def test_what_reads_like_its_cap_says_by_how_much_it_is_above(gate, reason):
    verdict = verdict_of(gate, costing([0.002001] * N, [0.002] * N))
    assert verdict.outcome == "FAIL"
    assert reason in verdict.reason


def test_a_cap_that_is_kept_or_plainly_broken_is_told_plainly():
    kept = verdict_of(CostGate(name="c", max_usd_per_case=0.002), costing([0.002] * N))
    assert kept.reason == "$0.002 per case, within $0.002"
    broken = verdict_of(CostGate(name="c", max_usd_per_case=0.002), costing([0.003] * N))
    assert broken.reason == "$0.003 per case, above $0.002"
