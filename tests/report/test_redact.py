"""Planted values are found however they are spaced, and what merely looks near is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.records import Attack, Canary, Case, Secret
from evalkit.report.redact import _bare, redactor


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


def test_a_text_without_a_secret_comes_back_itself():
    """Nearly every text holds none: it costs one look, and no copy."""
    text = "The DE78 account, nearly: DE78 0000 0000 0066 8272 0"
    assert hiding(("iban", IBAN), ("phone", "(606) 555-0101"))(text) is text


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


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("O'Neil-secret", "O'Neil-secret"),
        ("O'Neil-secret", "O\u2019Neil secret"),
        ("Straße 12b Köln", "Straße 12b Köln"),
        ("Straße 12b Köln", "STRASSE 12B KÖLN"),
        ("İstanbul-77-key", "İstanbul-77-key"),  # folds to an i and a dot above it
        ("sesame99xx", "sesame**99**xx"),
        ("sesame99xx", "sesame99\u00adxx"),  # soft hyphen
        ("José-Key-1234", "Jose\u0301-Key-1234"),  # é in two characters
        ("José-Key-1234", "Jose-Key-1234"),
        ("555 010 1234", "555\u2011010\u20111234"),  # hyphens that do not break
        ("sesame99xx", "\uff53\uff45\uff53\uff41\uff4d\uff459\uff19xx"),  # full-width letters
        ("office-key-77", "o\ufb03ce-key-77"),  # one character for ffi
    ],
)
def test_no_spelling_of_a_secret_survives(value, said):
    shown = hiding(("password", value))(f"it is ({said}), yes")
    assert shown.startswith("it is (⟦password ")
    assert shown.endswith("⟧), yes")


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("O'Neil-secret", "O'Neal-secret"),
        ("Straße 12b Köln", "Straße 12c Köln"),
        ("sesame99xx", "**sesame** and 99xx"),
        ("José-Key-1234", "José-Key-1243"),
        ("Müller", "Müllers Müllerin"),  # short: a whole word, accents or not
    ],
)
def test_what_reads_nearly_like_a_secret_stays(value, near):
    assert hiding(("name", value))(near) == near


def test_of_values_that_overlap_nothing_is_left():
    """Hiding only the longer one would show the other's tail."""
    hide = hiding(("key", "sesame-0123"), ("phone", "0123 4567"))
    assert hide("so sesame-0123-4567.").count("⟦") == 1
    assert "4567" not in hide("so sesame-0123-4567.")


@given(st.text())
def test_a_text_folds_whole_as_it_folds_by_character(text):
    """The quick look and the exact one must agree, or a secret is found and not hidden."""
    assert _bare(text) == "".join(map(_bare, text))


def test_without_attacks_texts_are_left_alone():
    assert redactor([Case(id="c", input="q")])("anything") == "anything"
