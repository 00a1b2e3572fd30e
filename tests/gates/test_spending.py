"""What answers took, paired with what they took before."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evalkit.gates.spending import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    TOKENS,
    USD,
    logged,
    spending,
    spent_pairs,
)
from evalkit.pricing import UNPRICED
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


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        (USD, "tokens or dollars"),
        (INPUT_TOKENS, "input tokens"),
        (OUTPUT_TOKENS, "output tokens"),
        (TOKENS, "tokens"),
        (logged(OUTPUT_TOKENS, least=1), "output tokens"),
    ],
)
def test_a_target_that_reports_nothing_is_not_cheap(quantity, unit):
    """A callable that returns a bare text has no usage: 0 is then what nobody counted."""
    silent = dict.fromkeys(SCORES["m"], Usage())
    run = make_run(SCORES, usage=silent)
    assert spending(run, quantity).why_invalid == f"no answer of the run has {unit}"
    # Near miss: one answer that was counted, as where a guardrail stopped all the others.
    run = make_run(SCORES, usage=silent | {"c007": Usage(input_tokens=9, output_tokens=1)})
    assert spending(run, quantity).why_invalid == ""


def test_a_free_model_is_counted_and_a_price_without_tokens_too():
    assert spending(make_run(SCORES), USD).why_invalid == ""
    silent = dict.fromkeys(SCORES["m"], Usage())
    priced = make_run(SCORES, usage=silent, usd={"c000": 0.01})
    assert spending(priced, USD).why_invalid == ""
    assert spending(priced, TOKENS).why_invalid == "no answer of the run has tokens"


def test_a_target_without_a_price_is_not_free():
    """Tokens without a price are no dollars; what it says of its own cost is."""
    own = replace(make_run(SCORES).fingerprint, price_table=UNPRICED)
    run = replace(make_run(SCORES), fingerprint=own)
    why = "no answer of the run has dollars, and its target no price (one of zeros, if it is free)"
    assert spending(run, USD).why_invalid == why
    assert spending(run, TOKENS).why_invalid == ""
    says = replace(make_run(SCORES, usd={"c007": 0.01}), fingerprint=own)
    assert spending(says, USD).why_invalid == spending(says, logged(USD, least=1)).why_invalid == ""


def test_a_run_without_a_case_has_spent_nothing_that_counts():
    run = make_run(SCORES)
    empty = replace(run, cases=(), trials=(), scores=())
    assert spending(empty, USD).why_invalid == "the run has no case"


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


def test_a_case_without_an_answer_has_no_pair():
    run = make_run(SCORES, failed=[("c001", 0), ("c001", 1)])
    pairs, invalid = spent_pairs(measured(run, make_baseline(SCORES)), TOKENS)
    assert (len(pairs), invalid) == (49, "")
    assert "c001" not in {pair.case_id for pair in pairs}


def test_no_baseline_is_a_reason():
    assert spent_pairs(measured(make_run(SCORES), None, "make one"), USD) == ((), "make one")


@pytest.mark.parametrize(("tokens", "least", "log"), [(10, 1, math.log(10)), (0, 1, 0.0)])
def test_a_logarithm_has_a_floor(tokens, least, log):
    usage = dict.fromkeys(SCORES["m"], Usage(input_tokens=1, output_tokens=tokens))
    spent = spending(make_run(SCORES, usage=usage), logged(OUTPUT_TOKENS, least=least))
    assert spent.by_case["c000"] == pytest.approx(log)
    assert logged(OUTPUT_TOKENS, least=1).show(math.log(7)) == "7 output tokens"
