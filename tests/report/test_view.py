"""A report's facts come from the records alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.records import Cost, Decision, Judgement, Saved, Spend
from evalkit.report.html import report_html
from evalkit.report.view import report_view, suite_view
from tests.report import sample
from tests.report.pieces import CARD, METRICS, verdict


def test_the_build_is_as_bad_as_its_worst_suite_and_says_why(view):
    assert view.outcome == "FAIL"
    assert view.headline.startswith("rag_quality, faithfulness: dropped by 0.153 (")
    assert view.tally == (("FAIL", 2), ("ERROR", 1), ("INCONCLUSIVE", 1), ("PASS", 4))
    assert view.duration == "1 min 55 s"  # three suites of 38.4 s


def test_a_green_build_says_how_much_was_looked_at():
    saved, baseline = sample.passing()
    assert report_view([saved], baselines=[baseline]).headline == "1 gate passed on 4 cases."


def test_a_build_that_decided_nothing_does_not_read_as_passed():
    saved, _ = sample.passing()
    nothing = Decision(outcome="ERROR", estimates=(), comparisons=(), verdicts=())
    found = report_view([Saved(run=saved.run, decision=nothing)])
    assert (found.outcome, found.tally) == ("ERROR", ())
    assert found.headline == "No gate was decided, so nothing vouches for this build."


def test_the_baseline_is_as_old_as_it_was_when_the_run_began():
    saved, baseline = sample.passing()
    note = suite_view(saved, baseline=baseline).baseline
    assert (note.commit, note.age, note.epochs) == ("9f2c1abe77d1", "3 days old", "5 epochs")
    assert note.because == "first release of prompt v2 (Ada)"


def test_without_the_baseline_at_hand_its_name_is_still_shown():
    saved, _ = sample.quality()
    assert suite_view(saved).baseline_short == "baseline 9f2c1abe77d1"
    assert not suite_view(saved).compared
    passing, _ = sample.passing()
    assert suite_view(passing).baseline_short == "no baseline"


def test_outside_git_a_baseline_is_named_by_its_age():
    saved, baseline = sample.passing()
    note = suite_view(saved, baseline=replace(baseline, commit=""))
    assert note.baseline_short == "baseline 3 days old"
    assert "<dd>3 days old, 5 epochs</dd>" in report_html(
        report_view([saved], baselines=[replace(baseline, commit="")])
    )
    ageless = replace(baseline, commit="", promoted_at="2126-01-01T00:00:00+00:00")
    assert suite_view(saved, baseline=ageless).baseline_short == "baseline of unknown age"


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "offline profile (embedded judge, BAcc 0.71: a smoke gate)"),
        (
            {"judge_card": "Balanced accuracy .7"},
            "offline profile (embedded judge, BAcc .7: a smoke gate)",
        ),
        (
            {"profile": "gpu", "judge": "some/model", "judge_card": ""},
            "gpu profile (judge some/model)",
        ),
        (
            {
                "profile": "gpu",
                "judge": "m",
                "judge_card": "agrees with people, by and large, nine times in ten",
            },
            "gpu profile (judge m, agrees with people, by and large, nine…)",
        ),
    ],
)
def test_the_title_says_it_in_half_a_line(changes, label):
    saved, _ = sample.passing()
    run = replace(saved.run, fingerprint=replace(saved.run.fingerprint, **changes))
    assert suite_view(Saved(run=run, decision=saved.decision)).profile_short == label


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        (
            {},
            f"offline profile: embedded judge, {CARD}; a smoke gate",
        ),
        (
            {"profile": "gpu", "judge": "some/model", "judge_card": ""},
            "gpu profile: judge some/model",
        ),
    ],
)
def test_the_profile_says_what_the_verdicts_rest_on(changes, label):
    saved, _ = sample.passing()
    run = replace(saved.run, fingerprint=replace(saved.run.fingerprint, **changes))
    assert suite_view(Saved(run=run, decision=saved.decision)).profile == label


def test_gated_metrics_are_the_first_columns():
    saved, baseline = sample.quality()
    columns = suite_view(saved, baseline=baseline).columns
    assert [column.name for column in columns if column.gated] == list(METRICS[:3])
    assert sorted(column.name for column in columns[3:]) == ["abstention", "recall_at_k"]
    assert columns[1].words == ("answer_", "relevancy", "")


def test_numbers_of_a_suite(view):
    suite = view.suites[0]
    assert (suite.n_cases, suite.repeats, suite.n_unmeasured) == ("60 cases", 1, 1)
    assert suite.cost_per_case == "$0.00041"
    assert view.suites[2].repeats == 2


def test_every_suite_needs_its_baseline_or_none():
    saved, _ = sample.passing()
    with pytest.raises(ValueError, match="shorter"):
        report_view([saved, saved], baselines=[None])
    with pytest.raises(ValueError, match="at least one suite"):
        report_view([])


def test_nothing_secret_is_anywhere_in_the_view(view):
    for secret in (sample.IBAN, sample.CANARY.assembled, sample.CANARY.first, "8272-00"):
        assert secret not in repr(view)


def test_the_headline_names_the_cause_before_what_follows_from_it():
    """Of gates equally bad, coverage: what is missing is why the others could not decide."""
    saved, baseline = sample.passing()
    verdicts = (
        verdict("faithfulness", ("regression", "ERROR", "4 of 4 cases not scored", None, ())),
        verdict("coverage", ("scores", "ERROR", "the judge was out", None, ())),
    )
    decision = replace(saved.decision, outcome="ERROR", verdicts=verdicts)
    found = report_view([Saved(run=saved.run, decision=decision)], baselines=[baseline])
    assert found.headline.endswith(", coverage: the judge was out")
    breached = verdict("leak", ("breaches", "FAIL", "1/4 breached", None, ()))
    decision = replace(decision, outcome="FAIL", verdicts=(*verdicts, breached))
    found = report_view([Saved(run=saved.run, decision=decision)], baselines=[baseline])
    assert found.headline.endswith(", leak: 1/4 breached")
    red = [gate for complaint in found.suites[0].red for gate in complaint.gates]
    assert red == ["coverage", "faithfulness", "leak"]


def test_a_panel_says_how_often_its_judges_agreed():
    """Two verdicts of a panel, one of them unanimous; without a panel nothing is said."""
    saved, _ = sample.passing()
    assert suite_view(saved).agreement == ""
    votes = [
        Judgement(unit="c1", text="t", label="supported", votes=3, voters=3),
        Judgement(unit="c2", text="t", label="supported", votes=2, voters=3),
    ]
    first, *rest = saved.run.scores
    voted = replace(saved.run, scores=(replace(first, judgements=tuple(votes)), *rest))
    view = report_view([Saved(run=voted, decision=saved.decision)])
    assert view.suites[0].agreement == "on 1 of 2 verdicts (50 %)"
    assert "on 1 of 2 verdicts (50 %)" in report_html(view)


def test_judging_is_a_cost_of_its_own():
    """The target's dollars are never mixed with what it took to judge them."""
    saved, _ = sample.passing()
    spend = Spend(case_id="c", repeat=0, part="faithfulness", calls=1, cold=Cost(usd=1.25))
    answering = report_view([saved]).cost
    judged = replace(saved, run=replace(saved.run, spends=(spend,)))
    assert report_view([judged]).cost == f"{answering}, judging $1.25"


def test_a_judge_that_is_named_by_its_card_is_not_named_twice():
    saved, _ = sample.passing()
    card = "LLM judge openai/x, not measured against people in this project"
    named = replace(saved.run.fingerprint, profile="provider", judge="llm-r1-a+b", judge_card=card)
    view = suite_view(Saved(run=replace(saved.run, fingerprint=named), decision=saved.decision))
    assert view.profile == f"provider profile: {card}"
    assert view.profile_short == "provider profile (LLM judge openai/x, not measured agains…)"
    assert ("judge", "llm-r1-a+b") in view.fingerprint


def test_a_suite_shows_its_lane_its_release_and_what_changed(judged_view):
    suite = judged_view.suites[0]
    assert suite.lane == "release"
    assert (suite.release.age, suite.release.because) == ("51 days old", "release 3.1 (Ada)")
    assert [name for name, _ in suite.changes] == ["prompts", "target"]
    assert [table.metric for table in suite.slices] == list(METRICS[:3])
    assert [table.metric for table in suite.flaky] == ["faithfulness"]
    rows = {gate.gate: gate for gate in suite.gates}
    assert rows["faithfulness"].true  # asked of the judge, who has a card
    assert not rows["cost"].true


def test_an_ordinary_suite_has_none_of_it(view):
    for suite in view.suites:
        assert (suite.lane, suite.release, suite.changes, suite.flaky) == ("pr", None, (), ())
        assert (suite.savings.total, suite.savings.metrics) == ("", ())
    assert view.suites[0].judge.said == "not calibrated; detects as judged"
    assert not view.suites[1].judge.asked  # a detector decides


def test_every_suite_needs_its_calibrations_and_its_release():
    saved, _ = sample.passing()
    for given in ({"calibrations": [()]}, {"releases": [None]}):
        with pytest.raises(ValueError, match="shorter"):
            report_view([saved, saved], **given)


def test_the_headline_of_a_fail_is_its_first_clause_and_what_moved(judged_view):
    assert judged_view.headline == (
        "rag_quality, faithfulness: dropped by 0.154 (95 % [0.087, 0.221], Holm p = 0.0003, "
        "99 paired cases); retriever −0.06, generator +0.00 (2×2 replay over 12 cases)"
    )


@pytest.mark.parametrize(
    ("outcome", "ending"), [("FAIL", "x: dropped"), ("ERROR", "x: dropped; promote a new one")]
)
def test_the_headline_of_an_error_keeps_what_mends_it(outcome, ending):
    saved, _ = sample.passing()
    one = verdict("x", ("regression", outcome, "dropped; promote a new one", None, ()))
    decision = replace(saved.decision, outcome=outcome, verdicts=(one,))
    assert report_view([replace(saved, decision=decision)]).headline.endswith(ending)
