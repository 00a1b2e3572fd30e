"""Text primitives: each rule with what it must catch and what it must leave alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.text import content_words, entities, has_negation, numbers, sentences, stem, words

CORPUS = Path(__file__).parents[1] / "datasets" / "xquad" / "1" / "corpus.jsonl"


def split(text: str) -> list[str]:
    return [span.text for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained. He left.", ["It rained.", "He left."]),
        ("Dr. No paid $3.50 . He left .", ["Dr. No paid $3.50 .", "He left ."]),
        ("He met J. K. Rowling. She ran.", ["He met J. K. Rowling.", "She ran."]),
        ("He moved to the U.S. in 1990.", ["He moved to the U.S. in 1990."]),
        ("He moved to the U.S. He stayed.", ["He moved to the U.S.", "He stayed."]),
        ("No. 5 is sold. The answer is no. Go!", ["No. 5 is sold.", "The answer is no.", "Go!"]),
        ("Acme Inc. Paris sued. Done.", ["Acme Inc. Paris sued.", "Done."]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("He said `` go . '' Then he left .", ["He said `` go . ''", "Then he left ."]),
        ("the 20th century.First for Women", ["the 20th century.", "First for Women"]),
        ("See example.com or e.g. this one.", ["See example.com or e.g. this one."]),
        ("Ask Yahoo! for it. Wait… what?", ["Ask Yahoo! for it.", "Wait… what?"]),
        ("1. Stir.\n2. Wait.\n- a pan\n\nA title\n\nText", None),
        ("lower case text. it has no capitals.", ["lower case text.", "it has no capitals."]),
        ("東京です。大阪です。", ["東京です。", "大阪です。"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    """Full stops of abbreviations, initials, decimals and addresses end nothing."""
    if expected is None:
        expected = ["1. Stir.", "2. Wait.", "- a pan", "A title", "Text"]
    assert split(text) == expected


@given(st.text(alphabet=st.sampled_from("aB. !?\n\"'()1,é。-"), max_size=60))
def test_spans_are_verbatim_in_order_and_leave_out_only_white_space(text):
    """Whatever the text, nothing is lost, doubled or altered."""
    end = 0
    for span in sentences(text):
        assert span.text == text[span.start : span.end] == span.text.strip() != ""
        assert text[end : span.start].strip() == ""
        end = span.end
    assert text[end:].strip() == ""


def test_wikipedia_paragraphs_split_into_whole_sentences():
    """Of about 1,200 XQuAD sentences, hardly any is a stump that an abbreviation cut off."""
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    found = [text for row in rows for text in split(row["text"])]
    assert len(found) > 1000
    assert sum(len(text) < 30 for text in found) <= 10


def test_words_are_case_folded_and_keep_apostrophes_and_amounts():
    """Punctuation goes, "don't" and "1,000" stay whole; a letter glued to a digit is one word."""
    assert words("Don't pay 1,000 to B12 in the U.S.") == (
        *("don't", "pay", "1,000", "to", "b12", "in", "the", "u.s"),
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("companies", "company", True),
        ("stopped", "stopping", True),
        ("used", "used", True),
        ("studies", "studied", True),
        ("quickly", "quick", True),
        ("company's", "company", True),
        ("nation", "native", False),
        ("bus", "bu", False),
        ("sing", "s", False),
    ],
)
def test_a_stem_joins_forms_of_one_word_and_no_two_words(one, other, same):
    """A plural or a tense is the same word; a word family is not."""
    assert (stem(one) == stem(other)) is same


def test_content_words_drop_stop_words_and_normalise_amounts_and_accents():
    """Two spellings of one amount or one name are one stem; negation is content."""
    assert content_words("The naïve men pay 1,000") == content_words("naive men, paying 1000")
    assert "not" in content_words("It is not so")
    assert content_words("It was of the") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 and 1000", ("1000", "1000")),
        ("3.50 or 007", ("3.5", "7")),
        ("in the 1990s, the 18th, the eighteenth", ("1990", "18", "18")),
        ("6½ sacks", ("6.5",)),
        ("1844–1846", ("1844", "1846")),
        ("3.5 million, six million", ("3500000", "6000000")),
        ("twenty-five, one hundred and two", ("25", "102")),
        ("two three", ("2", "3")),
        ("one of the first; a second", ()),
        ("B12 and MP3", ()),
        ("1.000.000 people", ("1000000",)),
    ],
)
def test_numbers_have_one_spelling(text, expected):
    """Separators, words, fractions and ordinals agree; "one" and letters with digits are none."""
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Panthers signed Jared Allen.", ("Panthers", "Jared Allen")),
        ("He joined the Bank of England in Paris, France.", ("Bank of England", "Paris", "France")),
        ("Rain fell on Paris.", ("Paris",)),
        ("NASA won.", ("NASA",)),
        ("I left. It rained. Nobody came.", ()),
        ("no capitals in paris", ()),
    ],
)
def test_entities_are_capitalised_spans_but_not_sentence_openers(text, expected):
    """The first word of a sentence is capitalised whatever it is."""
    assert entities(text) == expected


@pytest.mark.parametrize("text", ["It is not so", "He didn't", "He didn’t", "without it", "No man"])
def test_negation_is_seen(text):
    """Particles, contractions of both apostrophes, and negative words."""
    assert has_negation(text)


@pytest.mark.parametrize(
    "text", ["Not only gold but silver", "Chanel No. 5", "a knot", "annotated", "It is so"]
)
def test_what_only_looks_negated_is_not(text):
    """The words "not only" affirm, "No." is a number, and "knot" holds a "not"."""
    assert not has_negation(text)


def test_importing_text_loads_only_the_standard_library():
    """The chunker, the generator and the judge share it, so it must cost nothing."""
    code = "import sys, evalkit.text; print('numpy' in sys.modules)"
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
