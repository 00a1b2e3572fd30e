"""Shifts of whole epochs, against statsmodels and against simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from evalkit.stats.epochs import epoch_shift

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import statsmodels.formula.api as smf
    from statsmodels.stats.anova import anova_lm


def cases(rng, n=40, epochs=6, shift=0.0, noise=0.1):
    moved = rng.normal(0, shift, epochs) if shift else np.zeros(epochs)
    rows = rng.normal(0.5, 0.2, (n, 1)) + moved + rng.normal(0, noise, (n, epochs))
    return {f"c{i:03}": row.tolist() for i, row in enumerate(rows)}


def alone(values):
    return {case_id: case_id for case_id in values}


@pytest.mark.parametrize("seed", range(5))
def test_the_p_value_is_that_of_statsmodels_analysis_of_variance(seed):
    """Two factors without interaction: case and epoch."""
    values = cases(np.random.default_rng(seed), shift=0.02)
    rows = [(c, f"e{e}", v) for c, of_case in values.items() for e, v in enumerate(of_case)]
    data = pd.DataFrame(rows, columns=["c", "e", "Y"])
    table = anova_lm(smf.ols("Y ~ C(c) + C(e)", data=data).fit())
    found = epoch_shift(values, alone(values))
    assert found.p_value == pytest.approx(table.loc["C(e)", "PR(>F)"], abs=1e-9)


def test_the_order_of_cases_does_not_change_a_bit():
    """A cluster's sum of 0.1, 0.2 and 0.3 depends on their order where it is a plain one."""
    rng = np.random.default_rng(4)
    values = cases(rng, n=30, shift=0.01)
    clusters = {case_id: f"k{i // 10}" for i, case_id in enumerate(values)}
    found = epoch_shift(values, clusters)
    for _ in range(20):
        order = rng.permutation(list(values)).tolist()
        assert epoch_shift({case_id: values[case_id] for case_id in order}, clusters) == found


def test_without_a_shift_one_in_twenty_lies_below_five_per_cent():
    """2,000 draws: 5 % within three Monte-Carlo errors (1.5 pp)."""
    rng = np.random.default_rng(31)
    found = []
    for _ in range(2000):
        values = cases(rng, n=12, epochs=4)
        found.append(epoch_shift(values, alone(values)).p_value <= 0.05)
    assert np.mean(found) == pytest.approx(0.05, abs=0.015)


def test_a_shift_of_the_size_that_ruins_gates_is_found_and_sized():
    """sd 0.03 between epochs of 200 cases, noise 0.1: plain. The size is right on average."""
    rng = np.random.default_rng(32)
    found = [epoch_shift(v, alone(v)) for v in (cases(rng, n=200, shift=0.03) for _ in range(100))]
    assert np.mean([f.p_value <= 0.01 for f in found]) > 0.95
    assert np.mean([f.sd**2 for f in found]) == pytest.approx(0.03**2, rel=0.2)


def test_cases_that_waver_together_are_not_a_shift():
    """Ten documents of ten cases each: a document's epoch moves all ten. No shift at all.

    Near miss: taken one by one they look like a shift far too often.
    """
    rng = np.random.default_rng(33)
    clustered, naive = [], []
    for _ in range(300):
        rows = np.repeat(rng.normal(0, 0.1, (10, 5)), 10, axis=0) + rng.normal(0, 0.05, (100, 5))
        values = {f"c{i:02}": row.tolist() for i, row in enumerate(rows)}
        by_document = {case_id: int(case_id[1:]) // 10 for case_id in values}
        clustered.append(epoch_shift(values, by_document).p_value <= 0.05)
        naive.append(epoch_shift(values, alone(values)).p_value <= 0.05)
    assert np.mean(clustered) < 0.09
    assert np.mean(naive) > 0.3


def test_a_cluster_counts_as_the_mean_of_its_cases():
    """Two cases a cluster, 0.3 above and 0.3 below a third: the same shift, and the same p."""
    rng = np.random.default_rng(34)
    single = cases(rng, shift=0.05)
    apart = rng.normal(0, 0.3, 6)
    double = {
        f"{case_id}{sign:+}": (np.array(row) + sign * apart).tolist()
        for case_id, row in single.items()
        for sign in (1, -1)
    }
    whole = epoch_shift(single, alone(single))
    halves = epoch_shift(double, {case_id: case_id[:-2] for case_id in double})
    assert halves.p_value == pytest.approx(whole.p_value)
    assert halves.sd == pytest.approx(whole.sd)


def test_a_shift_without_noise_is_certain_and_none_is_none():
    """Every case up by 0.1 in the second epoch: p = 0. All alike: p = 1."""
    moved = {f"c{i}": [0.1 * i, 0.1 * i + 0.1] for i in range(5)}
    assert epoch_shift(moved, alone(moved)).p_value == 0.0
    assert epoch_shift(moved, alone(moved)).sd == pytest.approx(0.1 / 2**0.5)
    still = {f"c{i}": [0.1 * i] * 3 for i in range(5)}
    assert (epoch_shift(still, alone(still)).p_value, epoch_shift(still, alone(still)).sd) == (1, 0)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [
        ({"a": [1.0], "b": [0.5]}, {"a": 1, "b": 2}),
        ({"a": [1.0, 0.5], "b": [0.5]}, {"a": 1, "b": 2}),
        ({"a": [1.0, 0.5], "b": [0.5, 1.0]}, {"a": 1, "b": 1}),
        ({}, {}),
    ],
)
def test_what_cannot_show_a_shift_is_refused(values, clusters):
    with pytest.raises(ValueError, match="a shift needs"):
        epoch_shift(values, clusters)
