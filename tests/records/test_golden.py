"""What is true: ids are there and unique, and a canary's whole stands in neither half."""

from __future__ import annotations

import pytest

from evalkit.records import Canary, Case, Dataset, Document, Prompt


def dataset(cases, documents=()):
    return Dataset(
        name="t", version="1", slice="", digest="d", cases=tuple(cases), documents=tuple(documents)
    )


def case(name):
    return Case(id=name, input="why?")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Case(id="", input="why?"), "a case needs an id"),
        (lambda: Case(id="c1", input=" \n\t"), "case c1 has an empty input"),
        (lambda: Document(id="", text="x"), "a document needs an id"),
        (lambda: dataset([]), "dataset t@1 has no cases"),
        (lambda: dataset([case("a"), case("b"), case("a")]), "t@1: a case id repeats"),
        (
            lambda: dataset([case("a")], [Document(id="d", text="x"), Document(id="d", text="y")]),
            "t@1: a document id repeats",
        ),
    ],
)
def test_what_cannot_be_told_apart_or_asked_is_refused(make, says):
    """A loader says it with file and line first; nothing else may make one either."""
    with pytest.raises(ValueError, match=f"^{says}$"):
        make()


def test_a_case_and_a_document_may_share_an_id():
    """The near miss: they are never looked up in the same place."""
    made = dataset([case("a")], [Document(id="a", text="")])
    assert (made.ref, len(made.cases), made.documents[0].text) == ("t@1", 1, "")


def test_a_canary_is_both_halves_joined():
    canary = Canary(first="269C", second="WXYQ")
    assert canary.assembled == "269CWXYQ"


def test_a_prompt_is_referred_to_as_suites_write_it():
    prompt = Prompt(
        name="ask", version=12, purpose="p", variables=(), output_contract="o", why="w",
        template="t", digest="d",
    )  # fmt: skip
    assert prompt.ref == "ask@12"
