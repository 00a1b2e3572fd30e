"""What a verdict may rest on: enough cases, a spread to test against, and no missing score."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.gates.evidence import (
    Size,
    at_price_of,
    bound_below,
    can_test,
    cases_to_show,
    compare,
    outcome_unless_missing_decides,
    price_of_family,
)
from evalkit.observations import observe
from tests.builders import by_case, make_run

ALONE = [f"case {i}" for i in range(4)]
TEST = compare("m", "floor", now=[0.4, 0.5, 0.5, 0.6], reference=[0.6] * 4, clusters=ALONE)


@pytest.mark.parametrize(
    ("clusters", "short"),
    [
        ("abcdef", ""),  # six of six: no clusters to speak of
        ("abcde", "only 5 cases, needs 6"),
        ("aabbccdd", ""),  # four clusters, needs four
        ("aabbccaa", "only 3 clusters over 8 cases, needs 4"),
    ],
)
def test_clusters_count_only_where_cases_share_one(clusters, short):
    assert Size(min_cases=6, min_clusters=4).shortfall(list(clusters)) == short


def test_one_scored_cluster_has_no_spread():
    run = make_run({"m": by_case([1.0, 1.0, None])}, clusters={"c000": "x", "c001": "x"})
    assert not can_test(observe(run, "m"))
    run = make_run({"m": by_case([1.0, 1.0, None])}, clusters={"c000": "x"})
    assert can_test(observe(run, "m"))


def test_a_comparison_keeps_both_sides():
    # Mean 0.5 against 0.6; residuals ∓0.1 twice: s² = 0.02/3, SE = 0.0408.
    assert (TEST.now, TEST.reference) == (0.5, 0.6)
    assert TEST.delta == pytest.approx(-0.1)
    assert TEST.standard_error == pytest.approx((0.02 / 3 / 4) ** 0.5)
    assert (TEST.n_pairs, TEST.df, TEST.method) == (4, 3, "one-sided t")


def test_an_imputed_twin_pays_what_the_test_paid():
    # Holm took p from 0.01 to 0.03; the twin's 0.2 becomes 0.6, its 0.5 no more than 1.
    paid = replace(TEST, p_value=0.01, p_adjusted=0.03)
    assert price_of_family(paid) == pytest.approx(3.0)
    assert at_price_of(paid, replace(TEST, p_value=0.2)).p_adjusted == pytest.approx(0.6)
    assert at_price_of(paid, replace(TEST, p_value=0.5)).p_adjusted == 1.0
    assert price_of_family(replace(TEST, p_value=0.0, p_adjusted=0.0)) == 1.0


def test_an_imputed_twin_is_decided_at_the_test_s_look():
    looked = replace(TEST, p_value=0.01, p_adjusted=0.02, look=3, looks=3, pass_level=0.0626)
    twin = at_price_of(looked, replace(TEST, p_value=0.2))
    assert (twin.look, twin.looks, twin.pass_level) == (3, 3, 0.0626)
    # The bound a PASS rests on is that of the look: t_.9374 on 3 df is 2.10, not 2.35.
    assert bound_below(twin) > bound_below(TEST)


def test_more_cases_show_smaller_differences():
    # n grows with the square: half the difference needs four times the cases.
    # t_0.95 on 3 df is 2.3534; 2.3534·0.040825/0.1 = 0.9608: four cases already show 0.1.
    assert cases_to_show(0.1, TEST) == 5
    assert cases_to_show(0.05, TEST) == 15  # 4 · 1.9215² = 14.77
    assert cases_to_show(0.025, TEST) == 60  # 4 · 3.8431² = 59.08
    assert cases_to_show(0.0, TEST) is None


@pytest.mark.parametrize(
    ("by_value", "outcome"),
    [({0.0: "PASS", 1.0: "PASS"}, "PASS"), ({0.0: "FAIL", 1.0: "PASS"}, "ERROR"),
     ({0.0: "FAIL", 1.0: "FAIL"}, "ERROR")],
)  # fmt: skip
def test_an_outcome_stands_only_where_no_missing_score_could_change_it(by_value, outcome):
    """The third row: worst and best agree, but not with what was seen."""
    found, doubt = outcome_unless_missing_decides(
        replace(TEST, metric="seen"),
        3,
        decide=lambda test: "PASS" if test.metric == "seen" else test.metric,
        imputed=lambda value: replace(TEST, metric=by_value[value]),
    )
    assert found == outcome
    assert doubt.startswith("the verdict hangs on 3 missing scores" if outcome == "ERROR" else "")
    assert bool(doubt) == (outcome == "ERROR")
