"""The table lines up, whatever is in it, and paints only when asked."""

from __future__ import annotations

import re
from dataclasses import replace

from evalkit.records import Saved
from evalkit.report.terminal import lines, summary
from evalkit.report.view import SuiteView, suite_view
from tests.report import sample
from tests.report.hostile import hostile
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
    assert fail.startswith("FAIL: faithfulness dropped by 0.153 (")
    assert undecided.startswith("INCONCLUSIVE: context_recall dropped by 0.045 (")


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
