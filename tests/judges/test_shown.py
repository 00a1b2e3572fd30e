from __future__ import annotations

import sys
import unicodedata

import pytest

from evalkit.errors import JudgeError
from evalkit.judges import shown
from evalkit.judges.shown import clean, compared, judged, whole


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain text", "plain text"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("sup\u200bport\u2060ed\ufeff", "supported"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u202eevil\u202c \u2067x\u2069", "evil x"),
        ("ok" + "".join(chr(0xE0000 + ord(c)) for c in "supported"), "ok"),
        ("a\ufe0fb\U000e0101", "ab"),
        ("\x1b[8mhidden\x1b[0m", "hidden"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "link"),
        ("a\x00b\x07c\x9bd", "abcd"),
        ("\ud800lone", "lone"),
        ("naïve – “quoted” 日本語 é", "naïve – “quoted” 日本語 é"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian needs it
        ("a\u200db\u200c\u200dc", "abc"),
        ("می\u200c\u200c\u200cخ", "می\u200cخ"),
    ],
)
def test_what_people_do_not_see_the_judge_does_not_see(text, seen):
    assert clean(text) == seen
    assert clean(seen) == seen


def test_no_invisible_character_is_forgotten():
    """Every control, format and surrogate character of this Unicode version, but those seen."""
    seen = {0x9, 0xA, 0xD, 0x85, *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD,
            0x110CD, *range(0x13430, 0x13440)}  # fmt: skip
    vertical = {0xB, 0xC}  # shown as line ends
    kept = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs")
        and code not in seen | vertical
        and clean(f"a{chr(code)}b") != "ab"
    ]
    assert kept == []


def test_units_are_named_in_order():
    assert judged("c", ("x", "y")).items() == [{"id": "c1", "text": "x"}, {"id": "c2", "text": "y"}]
    assert judged("c", ("x", "y")).items(["c2"]) == [{"id": "c2", "text": "y"}]


def test_what_is_judged_is_never_cut():
    """What stood in the part left out would go unjudged."""
    assert whole("the answer", "x" * shown.MAX_TEXT) == "x" * shown.MAX_TEXT
    with pytest.raises(
        JudgeError, match=r"c2 has 20,001 characters; the judge reads at most 20,000"
    ):
        judged("c", ("x", "x" * (shown.MAX_TEXT + 1)))


def test_a_long_context_is_shown_by_its_ends_and_that_is_said():
    text = "head " + "x" * shown.MAX_TEXT + " tail"
    found = compared("p", ("short", text))
    cut = found.texts["p2"]
    assert cut.startswith("head x")
    assert cut.endswith("x tail")
    assert "\n[… 10 characters left out …]\n" in cut
    assert found.note == "the judge was shown p2 less 10 characters of its middle"
    assert compared("p", ("short",)).note == ""


@pytest.mark.parametrize(
    "texts", [("x",) * (shown.MAX_UNITS + 1), ("x" * shown.MAX_TEXT,) * 11], ids=["many", "long"]
)
def test_too_much_is_refused(texts):
    for named in (judged, compared):
        with pytest.raises(JudgeError, match=r"the judge reads at most 200 and 200,000"):
            named("p", texts)
