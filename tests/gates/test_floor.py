"""The absolute minimum: beyond doubt below it, at it, or borderline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.gates.metric import MetricGate
from evalkit.records import Calibration, Rated
from tests.builders import by_case, decided, make_run, measured, noisy

N = 60


def floored(now, floor, *, lane="pr", calibrations=(), **options):
    gate = MetricGate(name="faithfulness", floor=floor, compare=False, **options)
    measurement = measured(make_run({"faithfulness": now}))
    return decided(gate, replace(measurement, lane=lane, calibrations=calibrations))


def test_a_mean_at_or_above_the_floor_passes():
    verdict = floored(noisy(0.8), 0.8)
    assert verdict.outcome == "PASS"
    assert verdict.reason == "mean 0.800 (95 % [0.795, 0.805], 60 cases) reaches the floor 0.8"


def test_a_mean_that_is_the_floor_but_for_rounding_passes():
    assert floored(by_case([0.7, 0.9] * 30), 0.8).outcome == "PASS"


def test_a_mean_below_the_floor_beyond_doubt_fails_with_its_lowest_cases():
    # 0.78 ± 0.02: SE = 0.0026, upper bound 0.784 < 0.79.
    verdict = floored(noisy(0.78) | {"c050": 0.3}, 0.79)
    assert verdict.outcome == "FAIL"
    assert "is below the floor 0.79 (Holm p" in verdict.reason
    assert verdict.checks[0].cases[0] == "c050"


def test_a_mean_below_the_floor_within_noise_is_borderline():
    # 0.78, SE = 0.2/√59 = 0.026: 0.80 is one SE away; n ≥ 60·(1.6711·0.026/0.02)² = 284.
    verdict = floored(noisy(0.78, spread=0.2), 0.8)
    assert verdict.outcome == "INCONCLUSIVE"
    assert "borderline at the floor 0.8; about 284 cases would decide" in verdict.reason


def test_strict_wants_the_proof_the_other_way_round():
    # Mean 0.8, SE 0.0026, lower bound 0.7956: above 0.79, not above 0.799.
    assert floored(noisy(0.8), 0.79, strict=True, lane="release").outcome == "PASS"
    verdict = floored(noisy(0.8), 0.799, strict=True, lane="release")
    assert verdict.outcome == "INCONCLUSIVE"
    assert "cases would decide" in verdict.reason
    assert floored(noisy(0.8), 0.799, lane="release").outcome == "PASS"


def test_strict_is_for_the_release_lane():
    """A pull request is not asked to prove what it did not change."""
    assert floored(noisy(0.8), 0.799, strict=True).outcome == "PASS"


def test_strict_at_exactly_the_floor_has_no_number_of_cases():
    verdict = floored(by_case([0.25, 0.75] * 30), 0.5, strict=True, lane="release")
    assert verdict.outcome == "INCONCLUSIVE"
    assert verdict.reason.endswith("is borderline at the floor 0.5")


def test_a_mean_that_rounds_to_its_floor_is_shown_below_it():
    verdict = floored(by_case([0.7996] * 60), 0.8)
    assert verdict.outcome == "FAIL"
    assert verdict.reason.startswith("mean 0.7996 (95 % [0.800, 0.800], 60 cases) is below the ")


def test_a_floor_needs_as_many_cases_as_a_comparison():
    verdict = floored(by_case([1.0] * 29), 0.5)
    assert (verdict.outcome, verdict.reason) == (
        "INCONCLUSIVE", "too little evidence for a floor: only 29 cases, needs 30",
    )  # fmt: skip
    assert floored(by_case([1.0] * 5), 0.5, min_cases=5).outcome == "PASS"


def test_a_floor_without_a_score_is_an_error():
    verdict = floored({}, 0.5)
    assert verdict.outcome == "ERROR"
    assert verdict.reason.startswith("the metric applies to no case of the run")


def test_missing_scores_that_could_cross_the_floor_are_an_error():
    # 59 × 0.8 and one missing: 0.787 if 0, 0.803 if 1; the floor is 0.795.
    # SE of 0 becomes 0.8/60 = 0.0133 with the imputed 0: borderline, not FAIL.
    verdict = floored(by_case([0.8] * 59 + [None]), 0.795)
    assert verdict.outcome == "ERROR"
    assert "PASS without, INCONCLUSIVE if 0, PASS if 1" in verdict.reason
    assert floored(by_case([0.8] * 59 + [None]), 0.5).outcome == "PASS"


# ── levels corrected by people's labels ──────────────────────────────────────────────────────────


def labelled(n=50, *, human=0.7, judged=0.8, suite="rag_quality", metric="faithfulness"):
    """A calibration on `n` answers of this suite that people found 0.1 worse than the judge."""
    return Calibration(
        schema_version=1, evalkit_version="0.1.0", made_at="2026-11-20", judge="j",
        labels="own", labels_digest="d", unit="answer",
        true_positives=1, false_negatives=0, true_negatives=1, false_positives=0,
        suite=suite, metric=metric,
        ratings=tuple(
            Rated(id=str(i), human=human + 0.01 * (-1) ** i, judged=judged) for i in range(n)
        ),
    )  # fmt: skip


def test_a_lenient_judge_s_mean_is_corrected_by_fifty_labels():
    # Judged 0.8; people gave 0.1 less: 0.7, below a floor of 0.75 that the judge alone would pass.
    assert floored(noisy(0.8), 0.75).outcome == "PASS"
    verdict = floored(noisy(0.8), 0.75, calibrations=[labelled()])
    assert verdict.outcome == "FAIL"
    assert verdict.reason.startswith("mean 0.700 (95 % [")
    assert "60 cases, corrected by 50 labels) is below the floor 0.75" in verdict.reason
    assert verdict.checks[0].comparison.now == pytest.approx(0.7)
    assert "prediction-powered" in verdict.checks[0].comparison.method


@pytest.mark.parametrize("other", [{"n": 49}, {"suite": "other"}, {"metric": "other"}])
def test_too_few_labels_or_those_of_another_suite_correct_nothing(other):
    verdict = floored(noisy(0.8), 0.75, calibrations=[labelled(**other)])
    assert verdict.outcome == "PASS"
    assert "corrected" not in verdict.reason


def test_labels_bring_an_error_of_their_own():
    """Fifty labels that disagree with each other leave a borderline mean where it was sharp."""
    rated = tuple(Rated(id=str(i), human=float(i % 2), judged=0.5) for i in range(50))
    wide = replace(labelled(), ratings=rated)  # mean difference 0, SE 0.5/7 = 0.071
    assert floored(noisy(0.78), 0.79).outcome == "FAIL"
    assert floored(noisy(0.78), 0.79, calibrations=[wide]).outcome == "INCONCLUSIVE"


def test_a_judge_that_is_further_off_where_it_scores_high_widens_the_interval():
    """The same differences, 0 and 0.2: what the judge gives and how far it is off move together."""

    def error(*pairs):
        rated = tuple(Rated(id=str(i), judged=pairs[i % 2][0], human=pairs[i % 2][1])
                      for i in range(50))  # fmt: skip
        verdict = floored(noisy(0.78), 0.5, calibrations=[replace(labelled(), ratings=rated)])
        return verdict.checks[0].comparison.standard_error

    assert error((0.4, 0.4), (0.8, 1.0)) > 1.2 * error((0.6, 0.6), (0.6, 0.8))
