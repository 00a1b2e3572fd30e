"""The noise floor in words, and the advice after a promotion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalkit.gates.metric import MetricGate
from evalkit.noise_floor.floor import Alarms, Calls, Floor
from evalkit.noise_floor.spread import judged_twice, spread
from evalkit.noise_floor.words import advice, told
from tests.builders import make_baseline


def spread_of(sd: float, n: int = 100):
    values = np.random.default_rng(2).normal(0.6, sd, (n, 6)).clip(0, 1)
    by_case = {f"c{i:03}": row.tolist() for i, row in enumerate(values)}
    return spread("faithfulness", by_case, {case_id: case_id for case_id in by_case})


def floor(**changes) -> Floor:
    quiet = Alarms(
        gate="faithfulness",
        drawn=(("FAIL", 40), ("INCONCLUSIVE", 60), ("PASS", 1900)),
        epochs=("PASS",) * 5 + ("FAIL",),
    )
    made = Floor(
        suite="rag_quality",
        profile="provider",
        epochs=6,
        n=100,
        n_clusters=100,
        seed=7,
        alike=0.31,
        family=1,
        own=1,
        build=replace(quiet, gate="any of them"),
        gates=(quiet,),
        spreads=(judged_twice(spread_of(0.1), [(0.5, 0.6)]),),
        margins=(("faithfulness", 0.05),),
    )
    return replace(made, **changes)


def test_the_floor_is_two_tables_and_what_they_cannot_know():
    """40 of 2,000 are 2.0 %; sd(d) of noise 0.1 is about 0.11, its judge's part 0.1/√2."""
    text = told(floor(), source="bought anew")
    lines = text.splitlines()
    assert lines[0] == "rag_quality · provider profile · 6 epochs × 100 cases bought anew"
    assert lines[1] == "In 31.0 % of the cases all epochs gave the same answer and passages."
    (row,) = [line for line in lines if line.startswith("  faithfulness") and "of 6" in line]
    assert row.split() == "faithfulness 2.0 % [1.4 %, 2.7 %] 3.0 % 0 % 1 of 6".split()
    (noise,) = [line for line in lines if line.startswith("  faithfulness") and "cases" in line]
    assert "0.071" in noise
    assert "A changed prompt answers every case anew" in text
    assert "WARNING" not in text


def test_how_the_builds_were_decided_is_said_where_it_is_not_plain():
    """Twelve tests, one of them here; of 2,000 scores 400 known and 1,200 never needed: 20 % asked.

    A suite that is its whole build, and a judge that costs nothing, leave nothing to say.
    """
    calls = Calls(scores=2000, known=400, spared=1200)
    text = told(floor(family=12, calls=calls), source="")
    assert "  12 tests share the error rate of a build; the 11 not in this table were" in text
    assert (
        "  Judged as in a pull request: 20.0 % of the scores were asked for, 20.0 % known from the "
        "baseline, 60.0 % needed by no gate."
    ) in text
    plain = told(floor(), source="")
    assert "share the error rate" not in plain
    assert "Judged as" not in plain


def test_more_than_a_tenth_of_false_alarms_is_a_warning():
    """10 % exactly is none; 10.05 % is."""

    def at(fails: int):
        drawn = (("FAIL", fails), ("PASS", 2000 - fails))
        return floor(gates=(Alarms(gate="faithfulness", drawn=drawn, epochs=("PASS",)),))

    assert "WARNING" not in told(at(200), source="")
    assert "WARNING: faithfulness: 10.1 % of unchanged builds are red" in told(at(201), source="")
    assert "not fit to stop builds" in told(at(201), source="")
    assert "its level fails its rule, whatever changed" in told(at(1900), source="")


def test_epochs_that_drifted_as_wholes_are_a_warning():
    """Every case 0.1 lower from the third epoch on: no case's noise, and no drawn build has it."""
    steady = spread_of(0.1)
    chance = np.random.default_rng(6)
    rows = chance.normal(0.6, 0.05, (100, 6)) - np.array([0, 0, 0.1, 0.1, 0.1, 0.1])
    by_case = {f"c{i:03}": row.clip(0, 1).tolist() for i, row in enumerate(rows)}
    drifted = spread("faithfulness", by_case, {case_id: case_id for case_id in by_case})
    text = told(floor(spreads=(drifted,)), source="")
    assert "WARNING: faithfulness: whole epochs lie 0.05" in text
    assert "something drifted between them" in text
    assert "WARNING" not in told(floor(spreads=(steady,)), source="")


def test_a_target_that_repeats_itself_is_told_what_that_hides():
    """No noise: no advice from it, and the study's figures for what an edit brings."""
    still = spread("faithfulness", {f"c{i}": [0.5] * 6 for i in range(100)},
                   {f"c{i}": f"c{i}" for i in range(100)})  # fmt: skip
    text = told(floor(alike=1.0, spreads=(still,)), source="bought anew")
    assert "Every answer is the same in all epochs: the noise that a changed prompt" in text
    assert "sd(d) was then 0.18 to 0.20: 100 cases then ask for a margin of 0.053 to 0.059" in text
    assert "needs" in text
    (row,) = [line for line in text.splitlines() if line.startswith("  faithfulness  100")]
    assert row.split()[-5:] == ["—", "0.05", "—", "—", "—"]


def test_a_suite_without_gates_that_compare_says_so():
    none = Alarms(gate="any of them", drawn=(), epochs=())
    text = told(floor(gates=(), build=none, spreads=(), margins=()), source="bought anew")
    assert "No gate of this suite compares with its baseline." in text
    assert "Noise of one score" not in text


def test_a_metric_without_a_spread_is_named():
    text = told(floor(spreads=()), source="bought anew")
    assert "faithfulness: nothing to test a spread on" in text


# ── after a promotion ────────────────────────────────────────────────────────────────────────────


def baseline_of(sd: float):
    values = np.random.default_rng(3).normal(0.6, sd, (100, 5)).clip(0, 1)
    made = make_baseline({"m": {f"c{i:03}": row.tolist() for i, row in enumerate(values)}})
    cases = tuple(replace(case, answers=tuple("abcde"), passages=("p",) * 5) for case in made.cases)
    return replace(made, cases=cases)


@pytest.mark.parametrize(("margin", "tight"), [(0.05, False), (0.02, True)])
def test_a_promotion_ends_with_the_margin_its_noise_asks_for(margin, tight):
    """Noise 0.1, n = 100: about 2.95·0.011 = 0.032. A margin of 0.02 is too tight, 0.05 is not."""
    text = advice(baseline_of(0.1), (MetricGate(name="m", margin=margin, min_effect=0.01),))
    (row,) = [line for line in text.splitlines() if line.startswith("  m ")]
    assert row.split()[1:4] == ["100", "cases", "0.111"]
    assert float(row.split()[5]) == pytest.approx(0.032, abs=0.002)
    assert ("set margin = 0.035" in text) == tight


def test_a_promotion_of_a_deterministic_target_says_what_it_does_not_know():
    """Five equal epochs: the margin is not known, and the rule of thumb stands instead."""
    text = advice(make_baseline({"m": {f"c{i}": 0.5 + i / 100 for i in range(40)}}),
                  (MetricGate(name="m"),))  # fmt: skip
    (row,) = [line for line in text.splitlines() if line.startswith("  m ")]
    assert row.split()[-3:] == ["not", "known", "none"]
    assert "the noise that a changed prompt will bring is not visible here" in text
    assert "These are few: aim for 100 or more." in text


def test_without_a_gate_that_compares_there_is_nothing_to_advise():
    gates = (MetricGate(name="m", floor=0.5, compare=False),)
    assert advice(baseline_of(0.1), gates) == ""
