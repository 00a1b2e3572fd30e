"""Whatever a string holds, a sink shows it and is not moved by it."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from xml.etree import ElementTree as ET  # noqa: N817

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evalkit.report import sinks
from tests.report.nasty import NASTY, PLAIN

# Hypothesis rarely writes "::error" by itself: pieces that matter are mixed in.
PIECES = st.sampled_from(
    [*(s for s in NASTY if len(s) < 60), "::", "##[", "\x1b", "`", "|", "\n", "="]
)
ANY = st.one_of(
    st.text(st.characters(codec=None)),
    st.lists(st.one_of(PIECES, st.text(max_size=4))).map("".join),
)


def over_everything(test):
    """Run `test(text)` over the corpus and over what Hypothesis makes up."""
    return pytest.mark.parametrize("corpus", [True, False], ids=["corpus", "made up"])(test)


def each(corpus: bool, check) -> None:
    if corpus:
        for text in NASTY:
            check(text)
    else:
        given(ANY)(check)()


def test_the_corpus_is_large():
    assert len(set(NASTY)) >= 150


def is_control(char: str) -> bool:
    return (
        unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char not in "\u200c\u200d"
    )


@over_everything
def test_visible_leaves_no_control_character(corpus):
    def check(text):
        assert not [c for c in sinks.visible(text) if is_control(c) and c not in "\n\t"]

    each(corpus, check)


def command(line: str) -> bool:
    """What the runners' parsers take as a command, read generously."""
    return line.lstrip().startswith("::") or bool(re.search(r"##[\w-]*\[", line))


@over_everything
def test_a_terminal_gets_one_inert_bounded_line(corpus):
    def check(text):
        shown = sinks.terminal(text, limit=200)
        assert not any(map(is_control, shown))
        assert "\n" not in shown
        assert not command(shown)
        assert len(shown) <= 200

    each(corpus, check)


@over_everything
def test_many_lines_for_a_terminal_hold_no_command(corpus):
    def check(text):
        shown = sinks.terminal(text, multiline=True)
        assert not [line for line in shown.split("\n") if command(line)]
        assert len(shown) <= sinks.LIMIT

    each(corpus, check)


GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def kinds(source: str) -> set[str]:
    return {
        token.type
        for block in GFM.parse(source)
        for token in (block, *(block.children or ()))
        if not (token.type == "text" and not token.content)
    }


@over_everything
def test_markdown_is_only_text(corpus):
    def check(text):
        shown = sinks.markdown(text)
        assert kinds(shown) <= {
            "paragraph_open",
            "inline",
            "text",
            "text_special",
            "paragraph_close",
        }
        rendered = GFM.render(shown)
        for sign in (r"[@#]\w", r"(?i)\bgh-\d", r"://", r"(?i)www\.", r"<(?!/?p>)"):
            assert not re.search(sign, rendered.replace("&lt;", ""))

    each(corpus, check)


@over_everything
def test_markdown_stays_in_its_cell(corpus):
    def check(text):
        for encode in (sinks.markdown, sinks.markdown_code):
            source = f"| a | b |\n| :-- | :-- |\n| {encode(text)} | end |\n"
            tokens = GFM.parse(source)
            assert [t.type for t in tokens].count("td_open") == 2
            assert tokens[-1].type == "table_close"

    each(corpus, check)


@over_everything
def test_inline_code_is_nothing_else(corpus):
    def check(text):
        shown = sinks.markdown_code(text)
        assert kinds(f"x {shown} y") <= {
            "paragraph_open",
            "inline",
            "text",
            "code_inline",
            "paragraph_close",
        }

    each(corpus, check)


@over_everything
def test_a_cell_is_never_a_formula(corpus):
    def check(text):
        shown = sinks.csv_cell(text)
        assert not any(map(is_control, shown))
        first = shown.lstrip(" \"'\u200b")[:1]
        assert shown.startswith("'") or first not in set("=+-@\t\r＝＋－＠|%")
        # One cell in, one cell out.
        written = io.StringIO()
        csv.writer(written).writerow([shown, "end"])
        assert next(csv.reader([written.getvalue()])) == [shown, "end"]

    each(corpus, check)


@over_everything
def test_xml_reads_back_as_written(corpus):
    def check(text):
        shown = sinks.xml_text(text)
        element = ET.Element("x", a=shown)
        element.text = shown
        again = ET.fromstring(ET.tostring(element, encoding="utf-8"))
        assert (again.text or "") == shown

    each(corpus, check)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("a\r\nb", "a b"),
        ("\u202eabc", "‹U+202E›abc"),
        ("::error::x", ": :error::x"),
        ("a ::b", "a ::b"),
        ("##[error]x", "# #[error]x"),
        ("## head", "## head"),
        ("x\u00a0y", "x y"),
        ("\ud800", "\ufffd"),
    ],
)
def test_what_was_there_stays_visible(text, shown):
    assert sinks.terminal(text) == shown


@pytest.mark.parametrize(
    "text", [text for text in PLAIN if text.strip() == text and len(text) < 99]
)
def test_plain_text_of_any_language_is_left_alone(text):
    assert sinks.terminal(text) == text
    assert sinks.xml_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("=1+1", "'=1+1"), ("a=1", "a=1"), ("-5", "'-5"), ("", ""), (" ", ""), ("5", "5")],
)
def test_only_what_could_be_a_formula_gets_an_apostrophe(text, shown):
    assert sinks.csv_cell(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3.5", "3.5"),
        ("1. x", "1&#46; x"),
        ("- x", "&#45; x"),
        ("a-b", "a-b"),
        ("@a", "&#64;\u200ba"),
    ],
)
def test_markdown_reads_as_written_where_it_can(text, shown):
    assert sinks.markdown(text) == shown


def test_clip_keeps_the_bound_and_says_so():
    assert sinks.clip("abcdef", 4) == "abc…"
    assert sinks.clip("abcd", 4) == "abcd"
