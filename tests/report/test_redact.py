"""Planted values are found however they are spaced, and what merely looks near is left alone."""

from __future__ import annotations

import re

import pytest

from evalkit.records import Attack, Canary, Case, Secret
from evalkit.report.redact import redactor


def hiding(*secrets: tuple[str, str], canary: Canary | None = None):
    attack = Attack(
        id="a",
        channel="document",
        technique="t",
        canary=canary,
        secrets=tuple(Secret(kind=kind, value=value) for kind, value in secrets),
    )
    return redactor([Case(id="c", input="q", attack=attack), Case(id="d", input="q")])


IBAN = "DE78 0000 0000 0066 8272 00"


@pytest.mark.parametrize(
    "said",
    [
        IBAN,
        IBAN.replace(" ", ""),
        IBAN.lower(),
        IBAN.replace(" ", "-"),
        "D E 7 8 00000000 0066827200",
        "DE78\n0000 0000 0066 8272 00",
        f"x{IBAN}y",
    ],
)
def test_a_secret_is_found_in_any_spacing_and_case(said):
    shown = hiding(("iban", IBAN))(f"pay to {said} now")
    assert "⟦iban " in shown
    assert "8272" not in shown


@pytest.mark.parametrize("near", ["DE78 0000 0000 0066 8272 01", "DE78 0000", "the iban", ""])
def test_near_misses_stay(near):
    assert hiding(("iban", IBAN))(near) == near


def test_an_address_is_found_with_its_signs():
    assert hiding(("email", "ann.lee@example.com"))("to Ann.Lee@Example.com.") == (
        hiding(("email", "ann.lee@example.com"))("to annlee@example.com.")
    )


@pytest.mark.parametrize(("text", "hidden"), [("Anna said", True), ("Susanna said", False)])
def test_a_short_name_counts_as_a_whole_word_only(text, hidden):
    assert ("⟦name " in hiding(("name", "Anna"))(text)) is hidden


def test_a_value_too_short_to_be_a_secret_is_not_hidden():
    assert hiding(("name", "Jo"))("Jo and Joe") == "Jo and Joe"


def test_the_whole_canary_is_told_from_its_halves():
    hide = hiding(canary=Canary(first="269CDFH", second="WXYQRUV"))
    assert hide("269CDFHWXYQRUV").startswith("⟦canary ")
    assert hide("join 269CDFH and WXYQRUV").count("⟦half a canary ") == 2


def test_the_same_value_gets_the_same_stand_in():
    hide = hiding(("iban", IBAN), ("phone", "(606) 555-0101"))
    first, second = hide(f"{IBAN} | {IBAN.replace(' ', '')}").split(" | ")
    assert first == second != hide("606 555 0101")


# ── the price of nearly every text, which holds no secret ────────────────────────────────────────


@pytest.fixture
def compiled(monkeypatch):
    """Every pattern compiled from here on."""
    found = []
    compile_pattern = re.compile
    monkeypatch.setattr(
        re, "compile", lambda *args: found.append(args[0]) or compile_pattern(*args)
    )
    return found


def test_a_text_without_a_secret_compiles_nothing(compiled):
    """The same text comes back, the object itself; a text with one costs one pattern, once."""
    hide = hiding(("iban", IBAN), ("phone", "(606) 555-0101"))
    text = "The DE78 account, nearly: DE78 0000 0000 0066 8272 0"
    assert hide(text) is text
    assert compiled == []
    for _ in range(3):
        assert "⟦iban " in hide(f"pay to {IBAN}")
    assert len(compiled) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("password-sesame", "pa\u017f\u017fword-\u017fesame"),  # the long s, which folds to s
        ("kelvin-station", "\u212aelvin-station"),  # the Kelvin sign, which folds to k
        ("password-sesame", "PASSWORD-SESAME"),
    ],
)
def test_letters_that_fold_to_those_of_a_secret_are_those(value, said):
    """What a reader reads as the secret is the secret, also in letters Unicode calls equal."""
    assert hiding(("password", value))(f"it is {said}.").startswith("it is ⟦password ")


@pytest.mark.parametrize(
    "separator", [" ", ". ", "-", "\n", "/", "@", "_", "\u200b", "\u2013", "()"]
)
def test_signs_between_letters_hide_nothing(separator):
    """Dots, dashes, white space that is not seen: the letters are the secret."""
    said = separator.join("sesame99")
    assert hiding(("password", "sesame99"))(said).startswith("⟦password ")


def test_other_signs_between_letters_are_another_text():
    """A stand-in for what spans words and markup would black out the report around it."""
    said = "<b>".join("sesame99")
    assert hiding(("password", "sesame99"))(said) == said


def test_without_attacks_texts_are_left_alone():
    assert redactor([Case(id="c", input="q")])("anything") == "anything"
