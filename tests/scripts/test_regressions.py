"""The table of deliberate breakages: what counts as caught, and as laid at the right side."""

from __future__ import annotations

import pytest

from evalkit.records import Attribution
from scripts.regressions import (
    BREAKAGES,
    Breakage,
    Observed,
    attributed,
    broken,
    is_attributed,
    is_caught,
)


def moved(*, retriever=0.0, generator=0.0, why_not=""):
    """All at 1 before; each side takes its part, whatever the other does."""
    return Attribution(
        gate="g",
        metric="m",
        cases=("a", "b"),
        old_old=1.0,
        old_new=1.0 + generator,
        new_old=1.0 + retriever,
        new_new=1.0 + generator + retriever,
        why_not=why_not,
    )


def observed(*attributions):
    named = {f"s/g{i}": one for i, one in enumerate(attributions)}
    return Observed(1, {"s/g0": ("FAIL", "dropped")}, named, "", {})


def breakage(side):
    return Breakage("b", lambda root: None, ("s/g0",), side=side)


@pytest.mark.parametrize(
    ("side", "attributions", "right"),
    [
        ("retriever", [moved(retriever=-0.5)], True),
        ("retriever", [moved(retriever=-0.5, generator=-0.1)], True),
        ("retriever", [moved(retriever=-0.1, generator=-0.5)], False),
        ("retriever", [moved(retriever=-0.5), moved(generator=-0.5)], False),
        ("retriever", [moved()], False),
        ("retriever", [], False),
        ("retriever", [moved(retriever=-0.5, why_not="the budget")], False),
        ("generator", [moved(generator=-0.5)], True),
        ("", [], True),
        ("", [moved(generator=-0.5)], False),
    ],
)
def test_every_gate_that_dropped_must_name_the_side_that_was_broken(side, attributions, right):
    """One that names the other, or none where one was broken, is not right."""
    assert is_attributed(breakage(side), observed(*attributions)) is right


def test_what_is_written_has_both_sides_and_their_signs():
    lines = attributed(breakage("retriever"), observed(moved(retriever=-0.5)))
    assert lines == [
        "Broken: retriever; the attribution is right.",
        "",
        "- s/g0: retriever −0.50, generator +0.00 (2×2 replay over 2 cases)",
        "",
    ]
    wrong = attributed(breakage("generator"), observed(moved(why_not="none were kept")))
    assert wrong[0].endswith("NOT ATTRIBUTED.")
    assert wrong[2] == "- s/g0: none were kept"
    assert attributed(breakage(""), observed())[0].startswith("No metric fell")


@pytest.mark.slow
@pytest.mark.parametrize("found", BREAKAGES[:2], ids=lambda one: one.name)
def test_a_real_breakage_is_caught_and_laid_at_its_side(found):
    """A prompt and a top-k that cost the same context recall; `make regressions` has them all."""
    seen = broken(found)
    assert is_caught(found, seen)
    assert is_attributed(found, seen), attributed(found, seen)
