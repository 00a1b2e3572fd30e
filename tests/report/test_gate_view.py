"""A gate's row shows the numbers it decided on, each in its own unit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.records import (
    Attribution,
    Check,
    Comparison,
    Decision,
    Estimate,
    Saved,
    Usage,
    Verdict,
)
from evalkit.report.gate_view import gate_rows, gated_metrics, metric_rows
from evalkit.report.judge_view import Yardstick
from evalkit.report.plot import WIDTH
from tests.builders import make_baseline, make_run
from tests.report import sample

RUN = make_run(
    {"f": {"a": 0.8, "b": 0.9}},
    usd={"a": 0.001, "b": 0.003},
    usage={"a": Usage(input_tokens=100, output_tokens=20)},
)
BASELINE = make_baseline({"f": {"a": 0.9, "b": 0.9}}, usd={"a": 0.001, "b": 0.001})


def comparison(metric="f", kind="regression", **other) -> Comparison:
    numbers = {"reference": 0.9, "now": 0.85, "delta": -0.05, "low": -0.08, "high": -0.02}
    return Comparison(
        metric=metric,
        kind=kind,
        standard_error=0.015,
        df=59,
        p_value=0.001,
        n_pairs=60,
        n_clusters=60,
        smallest_detectable=0.03,
        method="t",
        p_adjusted=0.002,
        **(numbers | other),
    )


def verdict(gate: str, *checks: Check) -> Verdict:
    outcome = next(
        o for o in ("FAIL", "ERROR", "INCONCLUSIVE", "PASS") if o in [c.outcome for c in checks]
    )
    reason = next(c.reason for c in checks if c.outcome == outcome)
    return Verdict(gate=gate, outcome=outcome, reason=reason, checks=checks)


def check(outcome="PASS", reason="fine", found: Comparison | None = None, cases=()) -> Check:
    return Check(kind="regression", outcome=outcome, reason=reason, comparison=found, cases=cases)


def rows(*verdicts: Verdict, estimates=(), baseline=BASELINE, margins=None, run=RUN):
    decision = Decision(outcome="PASS", estimates=estimates, comparisons=(), verdicts=verdicts)
    return gate_rows(Saved(run=run, decision=decision), baseline, margins or {}, show=str)


def test_a_regression_shows_before_after_change_and_what_it_could_find():
    (row,) = rows(verdict("f", check("FAIL", "dropped by 0.050", comparison())))
    assert (row.baseline, row.now, row.change) == ("0.900", "0.850", "−0.050")
    assert (row.interval, row.detects) == ("[−0.080, −0.020]", "0.030")
    assert row.sentence == "f: dropped by 0.050"


@pytest.mark.parametrize("outcome", ["FAIL", "ERROR", "INCONCLUSIVE", "PASS"])
def test_a_sentence_that_stands_alone_names_the_gate_first(outcome):
    """Also where the reason speaks of the word: `tokens: 37 output tokens → 44`."""
    (row,) = rows(verdict("tokens", check(outcome, "37 output tokens → 44")))
    assert (row.reason, row.sentence) == ("37 output tokens → 44", "tokens: 37 output tokens → 44")


def test_a_floor_is_called_one_and_the_baseline_goes_first():
    floor = comparison(kind="floor", reference=0.8, delta=0.05, low=0.02, high=0.08)
    only_floor, both = rows(
        verdict("f", check(found=floor)),
        verdict("g", check(found=floor), check(found=comparison())),
    )
    assert only_floor.baseline == "floor 0.800"
    assert both.baseline == "0.900"


def test_plots_of_scores_share_an_axis_with_the_margin():
    near, far = rows(
        verdict("f", check(found=comparison())),
        verdict("g", check(found=comparison(low=-0.4))),
        margins={"f": 0.05},
    )
    assert near.plot.zero == far.plot.zero
    assert far.plot.low < near.plot.low < near.plot.now < near.plot.high < near.plot.zero < WIDTH
    # The measured drop is the margin itself.
    assert near.plot.margin == near.plot.now
    assert far.plot.margin is None


def test_a_comparison_of_money_is_drawn_and_told_relative_to_the_reference():
    found = comparison("cost", reference=0.001, now=0.0011, delta=0.0001, low=0.0, high=0.0002)
    (row,) = rows(verdict("cost", check(found=found)))
    assert (row.baseline, row.now, row.change) == ("$0.00100", "$0.00110", "+10.0 %")
    assert row.interval == "[0.0, +20.0] %"
    assert row.plot.low == row.plot.zero < row.plot.now < row.plot.high


def test_a_budget_without_a_comparison_shows_means_over_the_cases():
    cost, tokens, latency = rows(
        *(verdict(gate, check()) for gate in ("cost", "tokens", "latency"))
    )
    assert (cost.baseline, cost.now, cost.change) == ("$0.00100", "$0.00200", "+100.0 %")
    assert (tokens.baseline, tokens.now, tokens.change) == ("110", "115", "+4.5 %")
    assert (latency.baseline, latency.now, latency.change) == ("100 ms", "100 ms", "0.0 %")


def test_a_baseline_without_times_compares_none():
    cases = tuple(replace(case, latency_s=()) for case in BASELINE.cases)
    (row,) = rows(verdict("latency", check()), baseline=replace(BASELINE, cases=cases))
    assert (row.baseline, row.now, row.change) == ("–", "100 ms", "")


USED = make_run(
    {"f": {"a": 0.8, "b": 0.9}},
    usage={case: Usage(input_tokens=600, output_tokens=44) for case in "ab"},
)
BEFORE = make_baseline(
    {"f": {"a": 0.9, "b": 0.9}},
    tokens=dict.fromkeys("ab", (700, 37)),
)


@pytest.mark.parametrize(
    ("read", "written", "shown"),
    [
        ("PASS", "FAIL", ("output 37", "44", "+18.9 %")),
        ("PASS", "INCONCLUSIVE", ("output 37", "44", "+18.9 %")),
        ("FAIL", "INCONCLUSIVE", ("input 700", "600", "−14.3 %")),
        ("PASS", "PASS", ("737", "644", "−12.6 %")),
        ("ERROR", "ERROR", ("737", "644", "−12.6 %")),  # neither decided
    ],
)
def test_a_red_row_of_tokens_shows_the_side_that_decided(read, written, shown):
    """Fewer tokens in all beside a FAIL would be a riddle."""
    checks = [
        Check(kind=f"{side} tokens increase", outcome=outcome, reason="r")
        for side, outcome in (("input", read), ("output", written))
    ]
    (row,) = rows(verdict("tokens", *checks), run=USED, baseline=BEFORE)
    assert (row.baseline, row.now, row.change) == shown


def test_a_red_sum_of_tokens_shows_the_sum():
    (row,) = rows(
        verdict("tokens", Check(kind="tokens per run", outcome="FAIL", reason="r")),
        run=USED,
        baseline=None,
    )
    assert (row.baseline, row.now) == ("–", "644")


def test_without_a_baseline_the_side_stands_beside_its_number():
    capped = Check(kind="output tokens per case", outcome="FAIL", reason="r")
    (row,) = rows(verdict("tokens", capped), run=USED, baseline=None)
    assert (row.baseline, row.now) == ("–", "output 44")


def test_a_budget_compares_only_cases_on_both_sides():
    run = make_run({"f": {"a": 0.8, "z": 0.9}}, usd={"a": 0.001, "z": 9.0})
    (row,) = rows(verdict("cost", check()), run=run)
    assert row.change == "0.0 %"


def test_a_budget_of_a_run_without_answers_shows_nothing():
    run = make_run({"f": {"a": 0.8}}, failed=[("a", 0)])
    (row,) = rows(verdict("cost", check("ERROR", "no answers")), run=run, baseline=None)
    assert (row.baseline, row.now) == ("–", "–")


def test_a_gate_named_after_a_metric_shows_its_estimate():
    estimate = Estimate(
        metric="f",
        value=0.85,
        low=0.8,
        high=0.9,
        confidence=0.95,
        n=2,
        n_missing=0,
        n_clusters=2,
        method="t",
    )
    row, other = rows(verdict("f", check()), verdict("g", check()), estimates=(estimate,))
    assert (row.baseline, row.now) == ("0.900", "0.850")
    assert (other.baseline, other.now, other.plot) == ("–", "–", None)


@pytest.mark.parametrize(
    ("outcome", "reason", "cases", "note"),
    [
        ("FAIL", "r", ("a", "b"), "worst: a, b"),
        ("FAIL", "r", ("a", "b", "c"), "worst: a, b, …"),
        ("ERROR", "r", ("a",), "see: a"),
        ("PASS", "r", ("a",), ""),
        (
            "INCONCLUSIVE",
            "not ruled out; about 140 cases would decide",
            ("a",),
            "about 140 cases would decide",
        ),
        ("INCONCLUSIVE", "only 12 cases, needs 30", (), "needs 30"),
        ("INCONCLUSIVE", "borderline", (), ""),
    ],
)
def test_the_note_is_what_to_do_next(outcome, reason, cases, note):
    (row,) = rows(verdict("f", check(outcome, reason, cases=cases)))
    assert row.note == note


def test_checks_are_counted_with_the_cases_they_name():
    two, one = rows(
        verdict("f", check(cases=("a", "b")), check(cases=("b",))),
        verdict("g", check()),
    )
    assert (two.checks_said, two.detailed) == ("2 checks, naming 2 cases", True)
    assert (one.checks_said, one.detailed) == ("1 check", False)


def test_what_no_gate_decides_on_is_still_a_row():
    estimate = Estimate(
        metric="f",
        value=0.85,
        low=0.8,
        high=0.9,
        confidence=0.95,
        n=2,
        n_missing=1,
        n_clusters=2,
        method="t",
    )
    decision = Decision(
        outcome="PASS",
        estimates=(estimate, replace(estimate, metric="h")),
        comparisons=(),
        verdicts=(verdict("quality", check(found=comparison("h"))),),
    )
    gated = gated_metrics(decision)
    assert gated == {"quality", "h"}
    (row,) = metric_rows(decision, BASELINE, gated=gated, show=str)
    assert (row.metric, row.baseline, row.now, row.n, row.missing) == (
        "f",
        "0.900",
        "0.850",
        "2",
        1,
    )


def test_parts_stand_under_their_metric_with_their_n():
    estimate = Estimate(
        metric="f",
        value=0.85,
        low=0.8,
        high=0.9,
        confidence=0.95,
        n=20,
        n_missing=0,
        n_clusters=20,
        method="t",
    )
    part = replace(estimate, metric="f.not_supported", value=0.1, low=0.0, n=14)
    near_miss = replace(estimate, metric="ff")
    found = (estimate, part, near_miss)
    decision = Decision(outcome="PASS", estimates=found, comparisons=(), verdicts=())
    row, other = metric_rows(decision, None, gated=frozenset(), show=str)
    assert [(p.name, p.now, p.n) for p in row.parts] == [("not supported", "0.100", "14")]
    assert (other.metric, other.parts) == ("ff", ())
    # A gated metric has them in its gate's row, and none is left over for the list.
    (gate,) = rows(verdict("f", check()), estimates=found)
    assert gate.parts == row.parts
    assert [r.metric for r in metric_rows(decision, None, gated={"f"}, show=str)] == ["ff"]


def test_a_saving_is_shown_as_the_change_it_is():
    """The rival's figures are in no baseline of this suite; the ratio is in the check."""
    saved, _ = sample.passing()
    check = Check(kind="saving", outcome="PASS", reason="$2 → $1.2 per case, −40.0 %", ratio=0.6)
    cheaper = Verdict(gate="cheaper", outcome="PASS", reason=check.reason, checks=(check,))
    decision = replace(saved.decision, verdicts=(cheaper,))
    (row,) = gate_rows(Saved(run=saved.run, decision=decision), None, {}, show=str)
    assert row.change == "−40.0 %"
    without = replace(decision, verdicts=(replace(cheaper, checks=(replace(check, ratio=None),)),))
    (row,) = gate_rows(Saved(run=saved.run, decision=without), None, {}, show=str)
    assert row.change == ""


# ── what a judge, a release and a replay add ─────────────────────────────────────────────────────


def test_what_is_detected_is_divided_by_the_judge_s_j():
    """0.03 as judged is 0.03 / 0.65 = 0.046 in truth; where no judge scored, nothing is divided."""
    decision = Decision(
        outcome="PASS",
        estimates=(),
        comparisons=(),
        verdicts=(
            verdict("f", check(found=comparison())),
            verdict("g", check(found=comparison("g"))),
        ),
    )
    stick = {"f": Yardstick(j=0.65, interval="", labels="begin")}
    judged, other = gate_rows(
        Saved(run=RUN, decision=decision), BASELINE, {}, show=str, yardsticks=stick
    )
    assert (judged.detects, judged.true) == ("0.030", "0.046")
    assert (other.detects, other.true) == ("0.030", "")


def test_a_row_shows_the_comparison_that_decided():
    """The floor or the release where only they failed; of equals the baseline's."""
    floor = comparison(kind="floor", reference=0.9)
    release = comparison(kind="release", reference=0.95)
    failed, since, alike = rows(
        verdict("f", check(found=comparison()), check("FAIL", "low", floor)),
        verdict("g", check(found=comparison()), check("FAIL", "crept", release)),
        verdict("h", check("FAIL", "both", release), check("FAIL", "both", comparison())),
    )
    assert failed.baseline == "floor 0.900"
    assert since.baseline == "release 0.950"
    assert alike.baseline == "0.900"


def test_a_mean_near_the_edge_is_not_drawn_beyond_it():
    """0.98 ± 0.05 above a floor of 0.90 reaches 1.00, which is 0.10 above it, not 0.13."""
    found = comparison(
        kind="floor", reference=0.9, now=0.98, delta=0.08, low=0.03, high=0.13
    )  # fmt: skip
    row, other = rows(
        verdict("f", check(found=found)),
        verdict("g", check(found=comparison(low=-1.2, delta=-0.5, high=0.2))),
    )
    assert row.interval == "[+0.030, +0.100]"
    assert other.interval == "[−1.000, +0.200]"


def test_an_estimate_s_interval_stays_within_scores():
    estimate = Estimate(
        metric="h",
        value=0.98,
        low=0.93,
        high=1.03,
        confidence=0.95,
        n=20,
        n_missing=0,
        n_clusters=20,
        method="t",
    )
    decision = Decision(outcome="PASS", estimates=(estimate,), comparisons=(), verdicts=())
    (row,) = metric_rows(decision, None, gated=frozenset(), show=str)
    assert row.interval == "[0.930, 1.000]"


def test_the_same_trouble_is_told_by_the_first_gate():
    missing = "there is no baseline reports/baselines/x.json"
    first, again, other, green, also_green = rows(
        verdict("f", check("ERROR", missing)),
        verdict("g", check("ERROR", missing)),
        verdict("h", check("FAIL", missing)),
        verdict("i", check("PASS", "fine")),
        verdict("j", check("PASS", "fine")),
    )
    assert [row.like for row in (first, again, other)] == ["", "f", ""]
    assert [row.like for row in (green, also_green)] == ["", ""]


def test_a_replay_stands_under_its_gate():
    replay = Attribution(gate="f", metric="f", cases=("a",), new_new=0.8, new_old=0.8)
    decision = Decision(
        outcome="FAIL",
        estimates=(),
        comparisons=(),
        verdicts=(verdict("f", check("FAIL", "r")), verdict("g", check())),
    )
    saved = Saved(run=RUN, decision=decision, attributions=(replay,))
    moved, other = gate_rows(saved, None, {}, show=str)
    assert moved.attributions[0].said.startswith("retriever +0.80, generator +0.00")
    assert other.attributions == ()


def test_latency_is_told_as_the_geometric_means_whose_ratio_is_tested():
    """√(0.1 · 0.4) = 0.2 s before, 0.1 s now: half, while the arithmetic mean fell by 60 %."""
    times = {"a": (0.1,) * 5, "b": (0.4,) * 5}
    cases = tuple(replace(case, latency_s=times[case.id]) for case in BASELINE.cases)
    (row,) = rows(verdict("latency", check()), baseline=replace(BASELINE, cases=cases))
    assert (row.baseline, row.now, row.change) == ("200 ms", "100 ms", "−50.0 %")


def test_a_clock_that_measured_nothing_is_no_error():
    cases = tuple(replace(case, latency_s=(0.0,) * 5) for case in BASELINE.cases)
    (row,) = rows(verdict("latency", check()), baseline=replace(BASELINE, cases=cases))
    assert (row.baseline, row.now, row.change) == ("0 ms", "100 ms", "new")
