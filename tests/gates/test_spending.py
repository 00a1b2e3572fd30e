"""What answers took, paired with what they took before."""

from __future__ import annotations

import math

import pytest

from evalkit.gates.spending import OUTPUT_TOKENS, TOKENS, USD, logged, spending, spent_pairs
from evalkit.records import Usage
from tests.builders import by_case, make_baseline, make_run, measured

SCORES = {"m": by_case([[1.0, 1.0]] * 50)}


def test_a_case_is_the_mean_of_its_repeats_and_the_total_is_of_all():
    run = make_run(SCORES, usd=dict.fromkeys(SCORES["m"], 0.25), failed=[("c001", 0)])
    spent = spending(run, USD)
    assert (spent.by_case["c001"], spent.total) == (0.25, 99 * 0.25)
    assert (spent.unanswered, spent.why_invalid) == (("c001",), "")  # 1 of 50 may be missing


def test_more_than_one_in_fifty_unanswered_is_no_measurement():
    run = make_run(SCORES, failed=[("c001", 0), ("c002", 1)])
    assert spending(run, USD).why_invalid.startswith("2 of 50 cases without an answer")


def test_pairs_carry_both_sides_and_the_cluster():
    usage = {"c000": Usage(input_tokens=1, output_tokens=30)}
    run = make_run(SCORES, usage=usage, clusters={"c000": "a"})
    baseline = make_baseline(SCORES, tokens={"c000": (1, 20)})
    pairs, invalid = spent_pairs(measured(run, baseline), OUTPUT_TOKENS)
    assert invalid == ""
    assert (pairs[0].case_id, pairs[0].now, pairs[0].before) == ("c000", 30, 20)
    assert (pairs[0].cluster, pairs[1].cluster) == ("cluster a", "case c001")
    both, _ = spent_pairs(measured(run, baseline), TOKENS)
    assert (both[0].now, both[0].before) == (31, 21)


def test_no_baseline_is_a_reason():
    assert spent_pairs(measured(make_run(SCORES), None, "make one"), USD) == ((), "make one")


@pytest.mark.parametrize(("tokens", "least", "log"), [(10, 1, math.log(10)), (0, 1, 0.0)])
def test_a_logarithm_has_a_floor(tokens, least, log):
    usage = dict.fromkeys(SCORES["m"], Usage(input_tokens=1, output_tokens=tokens))
    spent = spending(make_run(SCORES, usage=usage), logged(OUTPUT_TOKENS, least=least))
    assert spent.by_case["c000"] == pytest.approx(log)
    assert logged(OUTPUT_TOKENS, least=1).show(math.log(7)) == "7 output tokens"
