from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.detectors.protocol import Finding
from evalkit.rag.guardrails.pii_redaction import PIIRedaction, longest, redacted

DATASETS = Path(__file__).parents[3] / "datasets"


@pytest.mark.parametrize("stage", ["document", "output"])
def test_values_become_the_name_of_their_kind(stage):
    text = "Ada (ada@example.com) pays with 4242 4242 4242 4242."
    guarded = PIIRedaction().guard(text, stage=stage, subject="d1")
    assert guarded.text == "Ada ([email]) pays with [payment_card]."
    (event,) = guarded.events
    assert (event.action, event.reason) == ("redacted", "1 email, 1 payment_card")
    assert "ada" not in repr(event)


def test_a_question_stays_as_asked():
    text = "Who is ada@example.com?"
    assert PIIRedaction().guard(text, stage="input").text == text


def test_kinds_are_chosen():
    text = "ada@example.com, 192.0.2.17"
    guardrail = PIIRedaction(entities=("ip_address",))
    assert guardrail.guard(text, stage="document").text == "ada@example.com, [ip_address]"
    with pytest.raises(ValueError, match="at least one"):
        PIIRedaction(entities=())


def test_the_fingerprint_names_the_kinds():
    assert PIIRedaction().fingerprint != PIIRedaction(entities=("email",)).fingerprint


def test_redacting_again_changes_nothing():
    once = PIIRedaction().guard("call 905-674-3793", stage="document").text
    assert PIIRedaction().guard(once, stage="output").text == once == "call [phone]"


def at(start, end, kind="x"):
    return Finding(kind=kind, start=start, end=end, text="", rule="r")


def test_of_overlapping_findings_the_longest_is_kept():
    assert longest([at(0, 4), at(2, 10), at(9, 12), at(12, 14)]) == (at(2, 10), at(12, 14))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8))))
def test_kept_findings_never_overlap(places):
    kept = longest(at(start, start + length) for start, length in places)
    assert all(left.end <= right.start for left, right in pairwise(kept))
    assert redacted("a" * 40, kept).count("[x]") == len(kept)


def test_no_planted_value_is_left_in_a_persona():
    lines = (DATASETS / "pii_personas/2/personas.jsonl").read_text("utf-8").splitlines()
    for persona in map(json.loads, lines):
        text = PIIRedaction().guard(persona["text"], stage="document").text
        for field in ("email", "phone", "card", "iban", "ssn"):
            assert persona[field] not in text
        # What stands beside the secrets can still be answered.
        assert persona["name"] in text
        assert persona["town"] in text
        assert persona["employer"] in text


@pytest.mark.parametrize("name", ["clapnq", "xquad"])
def test_golden_passages_stay_as_they_are(name):
    for line in (DATASETS / name / "1/corpus.jsonl").read_text("utf-8").splitlines():
        text = json.loads(line)["text"]
        assert PIIRedaction().guard(text, stage="document").text == text
