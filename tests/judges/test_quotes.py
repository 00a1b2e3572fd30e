from __future__ import annotations

import pytest

from evalkit.judges.quotes import located

CONTEXT = (
    "In 1912 the  Titanic\nsank – “unsinkable”, they’d said. The party was over 2015 miles off."
)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("Titanic", "Titanic"),
        ("the Titanic sank", "the  Titanic\nsank"),
        ("THE TITANIC SANK", "the  Titanic\nsank"),
        ('sank - "unsinkable", they\'d said', "sank – “unsinkable”, they’d said"),
        ("“In 1912 the Titanic”", "In 1912 the  Titanic"),
        ("…the Titanic sank…", "the  Titanic\nsank"),
        ("Titanic\u200b sank", "Titanic\nsank"),
        ("1912", "1912"),
    ],
)
def test_a_quote_is_found_as_it_stands_in_its_context(quote, found):
    assert located(quote, CONTEXT) == found


@pytest.mark.parametrize(
    "quote",
    [
        "",
        ".",
        ":",
        "…",
        "the",
        "was over",  # stop words only
        "the Titanic swam",
        "Titanic … said",  # not one piece
        "Titanic sank in 1912",  # its words, not its wording
        "art",  # in "party"
        "201",  # in "2015"
        "1 9 1 2",
    ],
)
def test_near_misses_are_no_quotes(quote):
    assert located(quote, CONTEXT) == ""


def test_the_evidence_is_verbatim_also_where_signs_fold_to_several():
    """One sign in the context may be two in the quote, ﬁ and fi; the place must not slip."""
    context = "Straße: the oﬃce\u00ad is ﬁne. After it."
    assert located("the office is fine", context) == "the oﬃce\u00ad is ﬁne"
    assert located("After it", context) == ""
    assert located("After that", "x. After that, nothing.") == ""
    assert located("strasse", context) == "Straße"


def test_a_script_that_does_not_part_its_words_can_be_quoted():
    assert located("東京は日本", "首都の東京は日本の都市です") == "東京は日本"
