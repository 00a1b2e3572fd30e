"""How much one metric wavers between epochs, and what that asks for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.noise_floor.spread import judged_twice, of_baseline, of_run, spread
from tests.builders import make_baseline, make_run


def drawn(n: int, epochs: int, sd: float, seed: int = 5) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {f"c{i:03}": rng.normal(0.5, sd, epochs).clip(0, 1).tolist() for i in range(n)}


def alone(values):
    return {case_id: f"case {case_id}" for case_id in values}


@pytest.mark.parametrize("epochs", [2, 5, 6])
def test_the_spread_is_that_against_a_baseline_of_five_whatever_was_measured(epochs):
    """Noise 0.1: sd(d) = 0.1·√(1 + 1/5) = 0.1095, from 2, 5 or 6 epochs of 2,000 cases."""
    values = drawn(2000, epochs, 0.1)
    found = spread("faithfulness", values, alone(values))
    assert found.sd == pytest.approx(0.1095, rel=0.04)
    assert found.run_variance == pytest.approx(0.01, rel=0.05)
    assert (found.n, found.n_clusters, found.df) == (2000, 2000, 1999)


def test_what_it_asks_for_follows_from_the_standard_error():
    """SE 0.1095/√100 = 0.01095: margin 2.95·SE, detects (1.660 + 0.846)·SE at 5 %."""
    values = drawn(100, 6, 0.1)
    found = spread("faithfulness", values, alone(values))
    assert found.margin() == pytest.approx(2.95 * found.standard_error, rel=0.01)
    assert found.margin(metrics=4) > found.margin()
    assert found.detectable(level=0.05) == pytest.approx(2.506 * found.standard_error, rel=0.01)
    assert found.cases_for(0.05, level=0.05) < 100 < found.cases_for(0.02, level=0.05)


def test_epochs_are_named_only_where_they_are_enough():
    """One epoch detects about 0.027. Three leave √((1/3 + 1/5)/1.2) = 2/3 of it: 0.018."""
    values = drawn(100, 6, 0.1)
    found = spread("faithfulness", values, alone(values))
    now = found.detectable(level=0.05)
    assert found.epochs_for(now, level=0.05) == 1
    assert found.epochs_for(now * 0.8, level=0.05) == 2
    assert found.epochs_for(now * 0.67, level=0.05) == 3
    assert found.epochs_for(now * 0.66, level=0.05) is None


def test_cases_of_one_cluster_are_not_independent():
    """Five cases a cluster that waver together: the error is that of 40 clusters, not 200 cases."""
    rng = np.random.default_rng(8)
    together = {f"d{g}": rng.normal(0.5, 0.1, 6) for g in range(40)}
    values = {f"{doc}-{k}": list(of_doc) for doc, of_doc in together.items() for k in range(5)}
    clustered = spread("m", values, {c: c.partition("-")[0] for c in values})
    naive = spread("m", values, alone(values))
    assert clustered.df == 39
    assert clustered.standard_error == pytest.approx(math.sqrt(5) * naive.standard_error, rel=0.05)


def test_a_case_that_wavers_alone_carries_the_noise():
    """One of twenty; the others are steady. Near miss: steady cases are not named at all."""
    values = {f"c{i:02}": [0.8] * 5 for i in range(20)}
    values["c07"] = [0.0, 1.0, 0.0, 1.0, 0.0]
    found = spread("m", values, alone(values))
    assert [case_id for case_id, _ in found.wavering] == ["c07"]
    # ŝ² of it (0.3 + 0.015)/2 of the sum 0.3: half its own, the rest shrunk over all twenty.
    assert found.wavering[0][1] == pytest.approx(0.525)
    assert found.steady == pytest.approx(0.95)


def test_what_leaves_nothing_to_test_has_no_spread():
    """One epoch, one cluster, no case; and a case that lacks an epoch is left out."""
    assert spread("m", {"a": [1.0], "b": [0.5]}, {"a": "a", "b": "b"}) is None
    assert spread("m", {"a": [1, 0], "b": [0, 1]}, {"a": "doc", "b": "doc"}) is None
    assert spread("m", {}, {}) is None
    values = {"a": [1.0, 0.0], "b": [0.5, 0.5], "c": [1.0]}
    assert spread("m", values, alone(values)).n == 2


def test_a_run_and_its_baseline_have_the_same_spread():
    """From five repeats of a run, or from the five epochs they were promoted to."""
    scores = {"faithfulness": drawn(30, 5, 0.1)}
    of_repeats = of_run(make_run(scores), "faithfulness")
    assert of_baseline(make_baseline(scores), "faithfulness") == of_repeats
    assert of_repeats.n == 30
    assert of_run(make_run(scores), "relevancy") is None


def test_the_judges_part_is_half_the_squared_difference_of_two_judgings():
    """0.2 apart each time: 0.04/2. The target's part is what is left, never below 0."""
    values = drawn(500, 6, 0.2)
    found = judged_twice(spread("m", values, alone(values)), [(0.6, 0.8), (0.9, 0.7)])
    assert found.judge_variance == pytest.approx(0.02)
    assert found.target_variance == pytest.approx(found.run_variance - 0.02)
    louder = judged_twice(found, [(0.0, 1.0)])
    assert (louder.judge_variance, louder.target_variance) == (0.5, 0.0)
