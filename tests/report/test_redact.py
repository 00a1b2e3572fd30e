"""Planted values are found however they are spaced, and what merely looks near is left alone."""

from __future__ import annotations

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


def test_without_attacks_texts_are_left_alone():
    assert redactor([Case(id="c", input="q")])("anything") == "anything"
