"""What each registered guardrail must do, whatever it guards against."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.rag.guardrails import GUARDRAILS
from evalkit.rag.protocol import Guarded

STAGES = ("input", "document", "output")
HARMLESS = "Photosynthesis turns light into chemical energy. It was first described in 1779."


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", GUARDRAILS.names())
class TestEveryGuardrail:
    def test_is_called_as_registered(self, name, stage):
        guardrail = GUARDRAILS.get(name)()
        assert guardrail.name == name
        assert name in guardrail.fingerprint
        assert guardrail.__dataclass_params__.frozen

    def test_lets_harmless_text_through_unchanged(self, name, stage):
        for text in (HARMLESS, "", " "):
            assert GUARDRAILS.get(name)().guard(text, stage=stage) == Guarded(text=text)

    @given(text=st.text())
    def test_says_what_it_did_and_nothing_else(self, name, stage, text):
        guardrail = GUARDRAILS.get(name)()
        guarded = guardrail.guard(text, stage=stage, subject="d1")
        assert guarded == guardrail.guard(text, stage=stage, subject="d1")
        assert bool(guarded.events) == (guarded.text != text)
        for event in guarded.events:
            assert (event.guardrail, event.stage, event.subject) == (name, stage, "d1")
            assert event.reason
            expected = "redacted" if guarded.text is not None else None
            expected = expected or ("dropped" if stage == "document" else "blocked")
            assert event.action == expected
