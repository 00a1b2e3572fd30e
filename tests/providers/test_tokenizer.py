"""Tokens are counted over the whole text."""

from evalkit.providers.tokenizer import wordpiece


def test_counts_are_neither_truncated_nor_padded():
    assert wordpiece().count("") == wordpiece().count(" \n") == 0
    assert wordpiece().count("cat") == 1  # no [CLS], no [SEP]
    assert wordpiece().count("cat " * 1000) == 1000


def test_offsets_are_characters_of_the_text():
    text = "Café — naïve."
    assert [text[a:b] for a, b in wordpiece().offsets(text)] == [
        "Café",
        "—",
        "naive".replace("i", "ï"),
        ".",
    ]


def test_a_lone_surrogate_is_no_error():
    assert wordpiece().count("a \ud800 b") == 3
