"""The comment says what a reviewer asks first, and GitHub finds nothing in it to act on."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from evalkit.report.markdown import report_markdown
from evalkit.report.view import report_view
from tests.report import sample
from tests.report.hostile import changed_by, hostile
from tests.report.nasty import NASTY

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def plain(text):
    """As a reader sees it, without what keeps GitHub from acting."""
    return html.unescape(text).replace("\u200b", "")


@pytest.fixture(scope="module")
def text(view):
    return report_markdown(view)


def test_the_verdict_comes_first(text):
    assert text.startswith("## ✖ FAIL: evalkit\n")


def test_ten_cases_moved_most_at_most(text):
    first = text.partition("### ✖ injection")[0]
    rows = re.findall(r"^\| `clapnq", first, re.MULTILINE)
    assert len(rows) == 10
    assert "The 10 cases that moved most" in first


def test_without_a_baseline_the_lowest_scores_are_shown(text):
    assert "cases that scored lowest" in text.partition("injection")[2]


def test_cases_that_were_not_measured_are_named(text):
    assert "Not measured: `attack-006`, `attack-011`." in text


def test_a_suite_in_which_nothing_moved_says_so(text):
    assert "No case moved." in text


def test_the_command_to_reproduce_is_one_to_copy(text):
    assert "`pytest suites/rag_quality.toml --evalkit-profile=offline`" in text


def test_a_suite_name_cannot_end_the_command():
    saved = hostile(["x; rm -rf ~ `id`"])
    text = report_markdown(report_view([saved]))
    assert "``pytest 'suites/x; rm -rf ~ `id`.toml'" in text


def test_it_fits_a_comment():
    texts = [f"{i} {text}" for i, text in enumerate(NASTY)]
    many = [hostile(texts)] * 30
    text = report_markdown(report_view(many))
    assert len(text) < 65_536
    assert "more of 30 suites: see `report.html`" in text


@pytest.mark.parametrize("compared", [False, True])
def test_hostile_texts_stay_text(compared):
    ours = {"<details>", "</details>"}
    for start in range(0, len(NASTY), 4):
        texts = [f"{text[:200]}{i}" for i, text in enumerate(NASTY[start : start + 4])]
        saved = hostile(texts)
        baselines = [changed_by(texts, saved) if compared else None]
        text = report_markdown(report_view([saved], baselines=baselines))
        assert ("Changed since the baseline: target." in plain(text)) == compared
        tokens = GFM.parse(text)
        inline = [child for token in tokens for child in token.children or ()]
        kinds = {token.type for token in (*tokens, *inline)}
        assert not kinds & {
            "link_open",
            "image",
            "html_inline",
            "fence",
            "code_block",
            "blockquote_open",
        }
        html = [token.content.strip() for token in tokens if token.type == "html_block"]
        assert all(re.sub(r"<summary>.*?</summary>", "", block) in ours for block in html)
        shown = " ".join(child.content for child in inline if child.type.startswith("text"))
        assert not re.search(r"[@#]\w|https?://|www\.", shown)


def test_the_comment_says_what_the_numbers_rest_on(judged_view):
    text = plain(report_markdown(judged_view))
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("- **FAIL** faithfulness"))
    assert lines[place + 1] == "  - retriever −0.06, generator +0.00 (2×2 replay over 12 cases)"
    assert "release lane · offline profile" in text
    assert "release baseline 51be00c2aa19, 51 days old" in text
    assert "Changed since the baseline: prompts answer_from_context@1 → answer_from" in text
    assert re.search("detects as judged; true: [a-z_, ]+ ÷ J 0.65", text)
    assert "Judge calls: saved for 80 of 308 scores (26 %)" in text


def test_the_comment_names_the_setting_that_changed():
    saved, baseline = sample.passing()
    run = replace(saved.run, settings=(("target.retrieve.k", "1"),))
    before = replace(baseline, settings=(("target.retrieve.k", "5"),))
    view = report_view([replace(saved, run=run)], baselines=[before])
    text = plain(report_markdown(view))
    assert "Changed since the baseline: target.retrieve.k 5 → 1." in text


def test_the_comment_of_an_ordinary_build_says_none_of_it(text):
    assert not re.search("release|Changed since|Judge calls|÷ J", text)
