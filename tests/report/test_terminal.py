"""The table lines up, whatever is in it, and paints only when asked."""

from __future__ import annotations

import re
from dataclasses import replace

from evalkit.records import Attribution, Check, Saved, Verdict
from evalkit.report.terminal import lines, summary
from evalkit.report.view import SuiteView, suite_view
from tests.report import instrumented, sample
from tests.report.hostile import changed_by, hostile
from tests.report.nasty import NASTY

SGR = re.compile(r"\x1b\[[\d;]*m")


def quality() -> SuiteView:
    """A suite with a verdict of each kind but ERROR."""
    saved, baseline = sample.quality()
    return suite_view(saved, baseline=baseline)


def test_the_columns_line_up():
    table = summary(quality())[1:7]
    place = table[0].index("verdict")
    for row, word in zip(table[1:], ("FAIL", "PASS", "INCONCLUSIVE", "PASS", "PASS"), strict=True):
        assert row[place:].startswith(word)


def test_wide_characters_take_two_cells():
    saved, baseline = sample.quality()
    first, *others = saved.decision.verdicts
    decision = replace(saved.decision, verdicts=(replace(first, gate="忠実性"), *others))
    shown = suite_view(Saved(run=saved.run, decision=decision), baseline=baseline)
    _, head, row, *_ = summary(shown)
    assert row.index("FAIL") == head.index("verdict") - len("忠実性")


def test_colour_changes_nothing_but_colour():
    plain = summary(quality())
    painted = summary(quality(), color=True)
    assert "\x1b" not in "".join(plain)
    assert [SGR.sub("", line).rstrip() for line in painted] == list(plain)
    assert any("\x1b[1;31mFAIL" in line for line in painted)


def test_each_gate_that_did_not_pass_gets_its_sentence():
    *_, fail, undecided = summary(quality())
    assert fail.startswith("FAIL: faithfulness: dropped by 0.153 (")
    assert undecided.startswith("INCONCLUSIVE: context_recall: dropped by 0.045 (")


def test_a_sentence_is_bounded_whatever_a_gate_says():
    saved, baseline = sample.quality()
    first, *others = saved.decision.verdicts
    decision = replace(saved.decision, verdicts=(replace(first, reason="x" * 3000), *others))
    shown = suite_view(Saved(run=saved.run, decision=decision), baseline=baseline)
    assert max(map(len, summary(shown))) == len("FAIL: ") + 500


def test_a_green_suite_ends_with_its_cost():
    saved, baseline = sample.passing()
    assert (
        summary(suite_view(saved, baseline=baseline))[-1]
        == "  $0 ($0 an answer) · 0 tokens · 38.40 s"
    )


def test_styles_name_what_they_paint():
    found = lines(quality())
    assert found[0][0] == ("rag_quality", "bold")
    assert ("INCONCLUSIVE", "INCONCLUSIVE") in [span for line in found for span in line]


def test_hostile_texts_stay_on_their_line():
    for start in range(0, len(NASTY), 4):
        texts = [f"{text[:80]}{i}" for i, text in enumerate(NASTY[start : start + 4])]
        shown = summary(suite_view(hostile(texts)))
        text = "\n".join(shown)
        assert "\x1b" not in text
        assert not re.search(r"^\s*::|##[\w-]*\[", text, re.MULTILINE)
        assert all("\n" not in line and "\r" not in line for line in shown)


def test_the_title_fits_a_line_whatever_the_judge_says_of_itself():
    saved, baseline = sample.passing()
    card = "balanced accuracy 0.82 [0.77, 0.88] on BEGIN (held out, n=226), 0.79 when fitted"
    run = replace(saved.run, fingerprint=replace(saved.run.fingerprint, judge_card=card))
    shown = suite_view(Saved(run=run, decision=saved.decision), baseline=baseline)
    assert summary(shown)[0] == (
        f"{shown.name} · offline profile (embedded judge, BAcc 0.82: a smoke gate) · 4 cases"
        " · baseline 9f2c1abe77d1, 3 days old"
    )
    assert card in shown.profile


def test_coverage_speaks_first_as_what_is_missing_is_the_cause():
    view = quality()
    *others, last = view.gates
    coverage = replace(last, gate="coverage", outcome="ERROR", sentence="coverage: 9 missing")
    *_, first, second, third = summary(replace(view, gates=(*others, coverage)))
    assert first == "ERROR: coverage: 9 missing"
    assert second.startswith("FAIL: ")
    assert third.startswith("INCONCLUSIVE: ")


def test_metrics_without_a_gate_are_never_cut_in_the_middle():
    view = quality()
    row = view.metrics[0]
    many = tuple(replace(row, metric=f"metric_number_{i}", now="0.500") for i in range(20))
    (line,) = [line for line in summary(replace(view, metrics=many)) if "not gated" in line]
    assert line.endswith("metric_number_7 0.500 and 12 more")
    one = (replace(row, metric="m" * 70, now="0.500"),)
    (line,) = [line for line in summary(replace(view, metrics=one)) if "not gated" in line]
    assert line == f"  not gated: {'m' * 70} 0.500"


def instrumented_view(**other) -> SuiteView:
    saved, baseline, release = instrumented.quality()
    given = {
        "baseline": baseline,
        "calibrations": instrumented.CALIBRATIONS,
        "judged": instrumented.JUDGED,
    }
    return suite_view(saved, **(given | {"release": release, "lane": "release"} | other))


def test_the_title_names_the_lane_only_where_it_is_another():
    title = summary(instrumented_view())[0]
    assert title.startswith("rag_quality · release lane · offline profile")
    assert title.endswith(" · release baseline 51be00c2aa19, 51 days old")
    ordinary = summary(instrumented_view(lane="pr", release=None))[0]
    assert "release" not in ordinary


def test_a_failed_gate_says_which_side_moved_right_below():
    shown = summary(instrumented_view())
    place = next(i for i, line in enumerate(shown) if line.startswith("FAIL: faithfulness"))
    assert shown[place + 1] == "  retriever −0.06, generator +0.00 (2×2 replay over 12 cases)"


def test_what_was_saved_is_a_line_only_where_something_was():
    """Of three metrics on 100 cases and one on 8, 80 scores: 30 known, 50 spared."""
    shown = summary(instrumented_view())
    (line,) = [line for line in shown if line.startswith("  judge calls:")]
    assert line == (
        "  judge calls: saved for 80 of 308 scores (26 %): 30 known from the baseline, "
        "50 after the gate had decided"
    )
    assert "judge calls" not in "\n".join(summary(quality()))


def test_by_what_to_divide_stands_under_the_table():
    (line,) = [line for line in summary(instrumented_view()) if line.startswith("  judge: ")]
    assert re.match("  judge: detects as judged; true: [a-z_, ]+ ÷ J 0.65 ", line)
    uncalibrated = summary(instrumented_view(calibrations=()))
    assert "  judge: not calibrated; detects as judged" in uncalibrated


def test_what_changed_since_the_baseline_is_named():
    (line,) = [line for line in summary(instrumented_view()) if line.startswith("  changed:")]
    assert "prompts answer_from_context@1 → answer_from_context@2" in line
    assert "changed:" not in "\n".join(summary(quality()))


def test_a_setting_that_changed_is_one_short_line():
    saved, baseline = sample.passing()
    run = replace(saved.run, settings=(("target.retrieve.k", "1"),))
    before = replace(baseline, settings=(("target.retrieve.k", "5"),))
    shown = summary(suite_view(replace(saved, run=run), baseline=before))
    assert "  changed: target.retrieve.k 5 → 1" in shown
    same = summary(
        suite_view(replace(saved, run=run), baseline=replace(before, settings=run.settings))
    )
    assert "changed:" not in "\n".join(same)


def test_hostile_settings_stay_on_their_line():
    for start in range(0, len(NASTY), 4):
        texts = [f"{text[:80]}{i}" for i, text in enumerate(NASTY[start : start + 4])]
        saved = hostile(texts)
        shown = summary(suite_view(saved, baseline=changed_by(texts, saved)))
        text = "\n".join(shown)
        assert re.search(r"^  changed: target\.\d", text, re.MULTILINE)
        assert "\x1b" not in text
        assert not re.search(r"^\s*::|##[\w-]*\[", text, re.MULTILINE)
        assert all("\n" not in line and "\r" not in line for line in shown)


def test_the_baseline_that_is_missing_is_missed_once():
    saved, _ = sample.quality()
    missing = Check(kind="regression", outcome="ERROR", reason="there is no baseline x.json")
    verdicts = tuple(
        Verdict(gate=gate, outcome="ERROR", reason=missing.reason, checks=(missing,))
        for gate in ("faithfulness", "answer_relevancy")
    )
    decision = replace(saved.decision, outcome="ERROR", verdicts=verdicts)
    shown = summary(suite_view(Saved(run=saved.run, decision=decision)))
    assert [line for line in shown if "x.json" in line] == [
        "ERROR: faithfulness, answer_relevancy: there is no baseline x.json"
    ]


def test_a_replay_that_names_a_control_character_draws_it():
    saved, baseline, _ = instrumented.quality()
    nasty = Attribution(gate="faithfulness", metric="f", why_not="\x1b[2J\n::error::no")
    shown = summary(suite_view(replace(saved, attributions=(nasty,)), baseline=baseline))
    (line,) = [line for line in shown if "not attributed" in line]
    assert "\x1b" not in line
    assert line.startswith("  not attributed: ")
