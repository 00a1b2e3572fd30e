"""The comparison with a baseline: every verdict of the rule, each beside its near miss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.baselines import answer_digest
from evalkit.gates.metric import MetricGate
from tests.builders import by_case, decided, make_baseline, make_run, measured, noisy

N = 60


def compared(now, before=0.8, *, gate=None, clusters=None, n=N, problem=""):
    run = make_run({"faithfulness": now}, clusters=clusters)
    baseline = None if problem else make_baseline({"faithfulness": by_case([before] * n)})
    return decided(gate or MetricGate(name="faithfulness"), measured(run, baseline, problem))


def test_an_identical_deterministic_run_passes():
    """SE 0, change 0: no evidence of a drop, and every drop is ruled out."""
    verdict = compared(by_case([0.8] * N))
    assert verdict.outcome == "PASS"
    assert verdict.reason.startswith("did not change (95 % [0.000, 0.000], Holm p = 1, 60 paired")
    assert verdict.checks[0].comparison.smallest_detectable == 0.0


def test_a_clear_drop_fails_and_names_the_worst_cases():
    # −0.08 ± 0.02: SE = 0.0026, t = −30.
    now = noisy(0.72) | {"c007": 0.1, "c003": 0.2}
    verdict = compared(now)
    assert verdict.outcome == "FAIL"
    assert verdict.checks[0].cases[:2] == ("c007", "c003")
    assert len(verdict.checks[0].cases) == 5
    assert verdict.reason.startswith("dropped by 0.098 (95 % [0.071, 0.126], ")
    assert "Holm p < 0.0001, 60 paired cases)" in verdict.reason


def test_a_significant_drop_below_min_effect_passes_and_says_so():
    # −0.019 ± 0.001 is certain and too small; −0.021 ± 0.001 fails.
    passed = compared(noisy(0.781, spread=0.001))
    assert passed.outcome == "PASS"
    assert "real, but below min_effect 0.02" in passed.reason
    # What three decimals show as 0.020 is not said to be below 0.02.
    assert compared(noisy(0.7801, spread=0.001)).reason.startswith("dropped by 0.0199 (95 % [")
    assert compared(noisy(0.779, spread=0.001)).outcome == "FAIL"


def test_a_deterministic_drop_of_exactly_min_effect_fails():
    """0.8 − 0.78 is a hair above 0.02 or below it in binary; the rule is 'at least'."""
    assert compared(by_case([0.78] * N)).outcome == "FAIL"
    assert compared(by_case([0.781] * N)).outcome == "PASS"


def test_a_rise_passes():
    verdict = compared(noisy(0.85))
    assert verdict.outcome == "PASS"
    assert verdict.reason.startswith("rose by 0.050 (95 % [0.045, 0.055]")


def test_noise_that_hides_the_margin_is_inconclusive_and_says_how_many_cases_decide():
    # Change 0, spread 0.2·√(60/59): SE = 0.2/√59 = 0.02604. With t_0.95(59) = 1.6711 a drop of
    # 0.0435 is not ruled out, one of 0.04 would be with n ≥ 60·(0.04351/0.04)² = 70.999.
    gate = MetricGate(name="faithfulness", margin=0.04)
    verdict = compared(noisy(0.5, spread=0.2), 0.5, gate=gate)
    assert verdict.outcome == "INCONCLUSIVE"
    assert "a drop of 0.044 is not ruled out; about 71 cases would decide" in verdict.reason
    assert verdict.reason.startswith("did not change (95 % [−0.052, 0.052]")
    # Near miss: the default margin of 0.05 is ruled out.
    assert compared(noisy(0.5, spread=0.2), 0.5).outcome == "PASS"


def test_a_drop_too_noisy_to_fail_says_how_many_cases_would():
    # −0.06 at SE 0.3/√59 = 0.0391: t = −1.54, p = 0.065; beyond the margin nothing passes, and
    # failing takes 60·(1.6711·0.0391/0.06)² = 71 cases.
    verdict = compared(noisy(0.44, spread=0.3), 0.5)
    assert verdict.outcome == "INCONCLUSIVE"
    assert "about 71 cases would decide" in verdict.reason


def test_fewer_cases_than_the_minimum_are_inconclusive_even_after_a_collapse():
    verdict = compared(by_case([0.0] * 29), n=29)
    assert (verdict.outcome, verdict.reason) == (
        "INCONCLUSIVE", "too little evidence to compare: only 29 cases, needs 30",
    )  # fmt: skip
    assert compared(by_case([0.0] * 30), n=30).outcome == "FAIL"


def test_one_case_is_no_test_at_all():
    verdict = compared({"c000": 0.8}, n=1)
    assert (verdict.outcome, verdict.checks[0].comparison) == ("INCONCLUSIVE", None)


def test_few_clusters_are_inconclusive_many_are_not():
    """Nine documents with six or seven questions each carry less than sixty cases."""

    def clusters(g):
        return {f"c{i:03}": f"doc{i % g}" for i in range(N)}

    verdict = compared(noisy(0.5), clusters=clusters(9))
    assert verdict.outcome == "INCONCLUSIVE"
    assert "only 9 clusters over 60 cases, needs 10" in verdict.reason
    verdict = compared(noisy(0.5), clusters=clusters(10))
    assert verdict.outcome == "FAIL"
    assert "60 paired cases, 10 clusters)" in verdict.reason


def test_without_a_baseline_the_reason_is_why():
    verdict = compared(by_case([0.8] * N), problem="there is none; make one")
    assert (verdict.outcome, verdict.reason) == ("ERROR", "there is none; make one")
    bare = decided(
        MetricGate(name="faithfulness"), measured(make_run({"faithfulness": {"a": 1.0}}))
    )
    assert (bare.outcome, bare.reason) == ("ERROR", "there is no baseline to compare with")


def test_a_metric_the_baseline_does_not_have_is_an_error():
    run = make_run({"new": by_case([1.0] * N)})
    baseline = make_baseline({"faithfulness": by_case([1.0] * N)})
    verdict = decided(MetricGate(name="new"), measured(run, baseline))
    assert verdict.outcome == "ERROR"
    assert "no case has a score of new both now and in the baseline" in verdict.reason


def test_new_and_removed_cases_are_named_and_too_many_ask_for_a_new_baseline():
    # 60 pairs, 3 new, 3 removed: 6/66 = 9.1 % are excluded. One more: 7/67 = 10.4 %.
    before = by_case([0.8] * N) | by_case([0.8] * 3, "old")
    baseline = make_baseline({"faithfulness": before})
    gate = MetricGate(name="faithfulness")
    few = make_run({"faithfulness": by_case([0.8] * N) | by_case([0.8] * 3, "new")})
    verdict = decided(gate, measured(few, baseline))
    assert verdict.outcome == "PASS"
    assert verdict.reason.endswith(
        "; 3 new cases (new000, new001, new002), 3 removed cases (old000, old001, old002)"
    )
    many = make_run({"faithfulness": by_case([0.8] * N) | by_case([0.8] * 4, "new")})
    verdict = decided(gate, measured(many, baseline))
    assert verdict.outcome == "ERROR"
    assert verdict.reason.endswith("more than 10.0 % of the cases cannot be compared; rebaseline")


@pytest.mark.parametrize(("n_missing", "outcome"), [(1, "PASS"), (2, "ERROR")])
def test_more_than_two_percent_missing_is_an_error(n_missing, outcome):
    # 1 of 60 is 1.7 %, 2 of 60 are 3.3 %.
    verdict = compared(by_case([0.8] * (N - n_missing) + [None] * n_missing))
    assert verdict.outcome == outcome
    if outcome == "ERROR":
        assert (
            "2 of 60 cases not scored (c058, c059); at most 2.0 % may be missing" in verdict.reason
        )


def test_a_missing_score_that_could_turn_the_verdict_is_an_error():
    """Best and worst case disagree: 59 scores pass narrowly, a 0 in the 60th would not."""
    # SE = 0.2/√58 = 0.0263, L = −0.0439: passes at 0.05. A drop of 0.5 more moves the mean by
    # 0.0083 to −0.0083 and L to about −0.053.
    now = noisy(0.5, spread=0.2) | {"c059": None}
    verdict = compared(now, 0.5)
    assert verdict.outcome == "ERROR"
    assert verdict.reason == (
        "the verdict hangs on 1 missing score: PASS without, INCONCLUSIVE if 0, PASS if 1"
    )


def test_a_case_that_vanished_without_a_record_is_missing_not_removed():
    """Losing bad answers must not raise the mean."""
    run = make_run({"faithfulness": by_case([0.8] * 50), "other": by_case([1.0] * N)})
    baseline = make_baseline({"faithfulness": by_case([0.8] * N)})
    verdict = decided(MetricGate(name="faithfulness"), measured(run, baseline))
    assert verdict.outcome == "ERROR"
    assert "10 of 60 cases not scored" in verdict.reason


# ── what would decide ────────────────────────────────────────────────────────────────────────────


def varied(spread_now, epoch_spread, *, repeats=1, margin=0.05, n=N):
    """An unchanged build whose cases move by `spread_now`, and between epochs by `epoch_spread`."""
    epochs = [0.5 + epoch_spread * sign for sign in (-1, 1, -1, 1, 0)]
    now = by_case([[0.5 + spread_now * (-1) ** i] * repeats for i in range(n)])
    run = make_run({"m": now})
    baseline = make_baseline({"m": by_case([epochs] * n)})
    return decided(MetricGate(name="m", margin=margin), measured(run, baseline))


def test_repeats_are_advised_where_most_of_the_noise_lies_between_them():
    # Epochs ±0.19: variance 4·0.0361/4 = 0.0361; run share 0.0361·(1 + 1/5)/60 / SE² with
    # SE² = 0.2²/59 = 0.000678: over 1, so all of it. Two repeats leave 0.7/1.2 of SE²:
    # 1.671·0.02604·√0.583 = 0.0332 < 0.04; one leaves 0.0435.
    verdict = varied(0.2, 0.19, margin=0.04)
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.reason.endswith(
        "100.0 % of the noise lies between repeats: 2 repeats of each case would decide"
    )


def test_cases_are_advised_where_the_noise_lies_between_cases():
    """A deterministic target has none between repeats, whatever a changed prompt re-rolled."""
    for epoch_spread in (0.0, 0.1):  # the second: 0.01·1.2/60 / 0.000678 = 29 %
        verdict = varied(0.2, epoch_spread, margin=0.04)
        assert verdict.reason.endswith("; about 71 cases would decide")


def test_three_repeats_are_the_most_that_are_advised():
    # 0.02 against 1.671·0.02604·√((1/3 + 1/5)/1.2) = 0.029: 60·(0.029/0.02)² = 126 cases of three.
    verdict = varied(0.2, 0.19, margin=0.02)
    assert verdict.reason.endswith("3 repeats of about 127 cases would decide")
    # With three made there are only cases left to add.
    assert "cases would decide" in varied(0.2, 0.19, margin=0.02, repeats=3).reason
    assert "repeats" not in varied(0.2, 0.19, margin=0.02, repeats=3).reason


# ── few cases ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("n", "small"), [(99, True), (100, False)])
def test_a_pass_on_few_cases_says_so(n, small):
    verdict = compared(by_case([0.8] * n), n=n)
    assert verdict.outcome == "PASS"
    assert (f"; n is small: {n} cases, 100 are advised" in verdict.reason) == small
    assert "n is small" not in compared(by_case([0.5] * n), n=n).reason


@pytest.mark.parametrize(("n_changed", "n", "small"), [(61, 120, True), (60, 120, False),
                                                       (150, 150, False)])  # fmt: skip
def test_where_most_answers_changed_more_cases_are_advised(n_changed, n, small):
    run = make_run({"faithfulness": by_case([0.8] * n)})
    same = answer_digest(run.trials[0].outcome)
    baseline = make_baseline({"faithfulness": by_case([0.8] * n)})
    cases = tuple(
        replace(case, answers=(("other" if i < n_changed else same),) * 5)
        for i, case in enumerate(baseline.cases)
    )
    found = measured(run, replace(baseline, cases=cases))
    verdict = decided(MetricGate(name="faithfulness"), found)
    told = "120 cases, 150 are advised where most answers changed"
    assert (told in verdict.reason) == small


# ── what no order or shift may change ────────────────────────────────────────────────────────────


def test_permuting_cases_changes_nothing():
    now = noisy(0.75, spread=0.1)
    backwards = dict(reversed(now.items()))
    run, other = make_run({"faithfulness": now}), make_run({"faithfulness": backwards})
    baseline = make_baseline({"faithfulness": by_case([0.8] * N)})
    gate = MetricGate(name="faithfulness", floor=0.7)
    assert decided(gate, measured(run, baseline)) == decided(gate, measured(other, baseline))


def test_a_run_that_is_better_everywhere_never_fails_where_a_worse_one_does_not():
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    gate = MetricGate(name="faithfulness", floor=0.7)
    baseline = make_baseline({"faithfulness": by_case([0.8] * N)})
    outcomes = [
        order[
            decided(
                gate, measured(make_run({"faithfulness": noisy(m, spread=0.1)}), baseline)
            ).outcome
        ]
        for m in (0.6, 0.68, 0.71, 0.74, 0.76, 0.78, 0.8, 0.85)
    ]
    assert outcomes == sorted(outcomes)
    assert (outcomes[0], outcomes[-1]) == (0, 2)
