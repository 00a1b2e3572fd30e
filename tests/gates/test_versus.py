"""One target against another: how much worse it may be, how much it must save."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.baselines import reduced
from evalkit.gates.versus import SavingGate, VersusGate, against
from evalkit.records import Usage
from tests.builders import by_case, decided, make_baseline, make_run, measured, noisy

N = 60
QUALITY = VersusGate(name="quality", metric="m")
SAVED = SavingGate(name="saved", min_saving=0.3)


def between(now, before, **how):
    """A measurement of a target with these scores after one with those."""
    rival = reduced(make_run({"m": before}, **how.pop("rival", {})))
    return replace(measured(make_run({"m": now}, **how)), rivals=(("full", rival),))


def flat(value):
    return by_case([value] * N)


# ── how much worse ───────────────────────────────────────────────────────────────────────────────


def test_an_equal_target_passes():
    verdict = decided(QUALITY, between(flat(0.8), flat(0.8)))
    assert (verdict.outcome, verdict.checks[0].kind) == ("PASS", "versus")
    assert "60 paired cases" in verdict.reason


def test_a_clearly_worse_target_fails_and_names_its_worst_cases():
    # −0.08 ± 0.02 beside a margin of 0.03.
    verdict = decided(QUALITY, between(noisy(0.72) | {"c007": 0.1}, flat(0.8)))
    assert verdict.outcome == "FAIL"
    assert verdict.reason.startswith("dropped by 0.090")
    assert verdict.checks[0].cases[0] == "c007"


def test_a_drop_within_the_margin_passes_one_beyond_it_does_not():
    """The near miss is the margin: 0.029 against 0.031, both without noise."""
    gate = replace(QUALITY, min_effect=0.03)
    assert decided(gate, between(flat(0.771), flat(0.8))).outcome == "PASS"
    assert decided(gate, between(flat(0.769), flat(0.8))).outcome == "FAIL"


def test_noise_that_hides_the_margin_is_inconclusive():
    # SE = 0.2/√59 = 0.026: a drop of 0.0435 is not ruled out.
    verdict = decided(QUALITY, between(noisy(0.5, spread=0.2), flat(0.5)))
    assert verdict.outcome == "INCONCLUSIVE"
    assert "a drop of 0.044 is not ruled out" in verdict.reason


def test_too_few_cases_decide_nothing():
    few = by_case([0.2] * 29)
    verdict = decided(QUALITY, between(few, by_case([0.8] * 29)))
    assert verdict.outcome == "INCONCLUSIVE"
    assert "only 29 cases, needs 30" in verdict.reason
    assert decided(replace(QUALITY, min_cases=29), between(few, by_case([0.8] * 29))).outcome == (
        "FAIL"
    )


def test_the_committed_baseline_is_not_what_it_compares_with():
    """The run is far below its baseline and equal to its rival; and the other way round."""
    equal = replace(
        between(flat(0.5), flat(0.5)), baseline=make_baseline({"m": flat(0.9)}), baseline_problem=""
    )
    assert decided(QUALITY, equal).outcome == "PASS"
    worse = replace(between(flat(0.5), flat(0.9)), baseline=make_baseline({"m": flat(0.5)}))
    assert decided(QUALITY, worse).outcome == "FAIL"


def test_repeats_of_both_targets_are_averaged_by_case():
    """0.8 is the mean of 0.7 and 0.9; one repeat of the rival against two of this target."""
    verdict = decided(QUALITY, between(by_case([[0.7, 0.9]] * N), flat(0.8)))
    assert verdict.outcome == "PASS"
    assert verdict.reason.startswith("did not change")


def test_the_rival_is_the_first_target_or_the_one_that_is_named():
    rivals = tuple(
        (name, reduced(make_run({"m": flat(v)}))) for name, v in (("a", 0.9), ("b", 0.5))
    )
    measurement = replace(measured(make_run({"m": flat(0.5)})), rivals=rivals)
    assert decided(QUALITY, measurement).outcome == "FAIL"
    assert decided(replace(QUALITY, than="a"), measurement).outcome == "FAIL"
    assert decided(replace(QUALITY, than="b"), measurement).outcome == "PASS"


@pytest.mark.parametrize("gate", [QUALITY, SAVED])
def test_without_the_rival_s_run_there_is_no_verdict_but_an_error(gate):
    """A saved run decided alone; never the baseline in the rival's place."""
    alone = measured(make_run({"m": flat(0.8)}), make_baseline({"m": flat(0.8)}))
    verdict = decided(gate, alone)
    assert (verdict.outcome, verdict.reason) == (
        "ERROR",
        "there is no other target to compare with",
    )
    measurement = replace(between(flat(0.8), flat(0.8)), baseline=alone.baseline)
    verdict = decided(replace(gate, than="b"), measurement)
    assert verdict.outcome == "ERROR"
    assert verdict.reason == "there is no earlier target 'b' to compare with (there is full)"
    assert against(measurement, "b").baseline is None


def test_a_metric_that_the_rival_has_no_score_of_is_an_error():
    """The rival's judge was out all the time."""
    rival = {"failed": [(case_id, 0) for case_id in flat(1.0)]}
    verdict = decided(QUALITY, between(flat(0.8), flat(0.8), rival=rival))
    assert verdict.outcome == "ERROR"


def test_it_is_one_test_of_the_build_s_family():
    measurement = between(noisy(0.7), flat(0.8))
    assert QUALITY.family_size == len(QUALITY.tests(measurement)) == 1
    assert SAVED.tests(measurement) == ()


@pytest.mark.parametrize("options", [{"margin": 0.0}, {"min_effect": -0.1}, {"min_cases": 1}])
def test_options_without_sense_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        VersusGate(name="q", metric="m", **options)


# ── how much it must save ────────────────────────────────────────────────────────────────────────


def costing(now, before):
    usd = {name: dict(zip(flat(1.0), values, strict=True)) for name, values in
           (("now", now), ("before", before))}  # fmt: skip
    return between(flat(1.0), flat(1.0), usd=usd["now"], rival={"usd": usd["before"]})


@pytest.mark.parametrize(
    ("factor", "outcome"), [(0.7, "PASS"), (0.69, "PASS"), (0.71, "FAIL"), (1.2, "FAIL")]
)
def test_a_saving_is_reached_or_not(factor, outcome):
    """30 % less is 70 % of the cost, exactly; every case alike, so the bound is the ratio."""
    verdict = decided(SAVED, costing([0.002 * factor] * N, [0.002] * N))
    assert (verdict.outcome, verdict.checks[0].kind) == (outcome, "saving")
    assert "allowed −30.0 %" in verdict.reason


def test_a_saving_that_the_noise_hides_is_inconclusive():
    # Half the cases at a tenth, half at 1.4 times: 75 % of the cost, and a wide interval.
    verdict = decided(SAVED, costing([0.0002, 0.0028] * (N // 2), [0.002] * N))
    assert verdict.outcome == "INCONCLUSIVE"
    # A ratio of 0.75 that every case has is no noise.
    assert decided(SAVED, costing([0.0015] * N, [0.002] * N)).outcome == "FAIL"


def test_where_nothing_was_spent_nothing_can_be_saved():
    """Free before and free now is an ERROR: the promise of a saving was not examined."""
    verdict = decided(SAVED, costing([0.0] * N, [0.0] * N))
    assert verdict.outcome == "ERROR"
    assert verdict.reason == "no cost before, none now: nothing that could be saved"
    assert decided(SAVED, costing([0.001] * N, [0.0] * N)).outcome == "FAIL"
    assert decided(SAVED, costing([0.0] * N, [0.001] * N)).outcome == "PASS"


def test_tokens_can_be_what_is_saved():
    """Input and output together: 60 + 10 against 90 + 10 is 30 % less, 61 + 10 is not."""
    gate = replace(SAVED, of="tokens")
    ids = flat(1.0)

    def taking(tokens):
        return {case_id: Usage(input_tokens=tokens, output_tokens=10) for case_id in ids}

    for now, outcome in ((60, "PASS"), (61, "FAIL")):
        found = between(flat(1.0), flat(1.0), usage=taking(now), rival={"usage": taking(90)})
        assert decided(gate, found).outcome == outcome


def test_what_was_not_answered_is_not_cheap():
    failed = [(case_id, 0) for case_id in list(flat(1.0))[:3]]
    run = make_run({"m": flat(1.0)}, usd=dict.fromkeys(flat(1.0), 0.001), failed=failed)
    rival = reduced(make_run({"m": flat(1.0)}, usd=dict.fromkeys(flat(1.0), 0.01)))
    verdict = decided(SAVED, replace(measured(run), rivals=(("full", rival),)))
    assert verdict.outcome == "ERROR"
    assert "3 of 60 cases without an answer" in verdict.reason


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 30, float("nan")])
def test_a_saving_is_a_share(share):
    with pytest.raises(ValueError, match="min_saving"):
        SavingGate(name="s", min_saving=share)


def test_only_dollars_and_tokens_can_be_saved():
    with pytest.raises(ValueError, match="of must be one of usd, tokens, got 'time'"):
        SavingGate(name="s", min_saving=0.3, of="time")
