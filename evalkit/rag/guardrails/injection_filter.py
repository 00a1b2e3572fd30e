"""Withholds text that gives the model orders."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar, Literal

from evalkit.detectors.injection import Injection
from evalkit.rag.protocol import Guarded
from evalkit.records import GuardrailEvent

MAX_CHARS = 200_000
"""A longer text is withheld unread: the detector needs about five microseconds a character."""


@functools.lru_cache(maxsize=4096)
def _rules(channel: Literal["document", "user"], text: str) -> str:
    """The rules that find an order in the text. Kept: a passage is retrieved for many questions."""
    found = Injection(channel=channel).find(text)
    return ", ".join(sorted({finding.rule for finding in found}))


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectionFilter:
    """Blocks a question, drops a passage and blocks an answer in which the detector finds orders.

    A passage is dropped whole: what is left of a poisoned passage is not to be trusted either. An
    answer that repeats an order was written by a model that read one.
    """

    name: ClassVar[str] = "injection_filter"
    version: ClassVar[int] = 1

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text may be treated differently."""
        return f"{self.name}@{self.version}"

    def guard(
        self, text: str, *, stage: Literal["input", "document", "output"], subject: str = ""
    ) -> Guarded:
        if len(text) > MAX_CHARS:
            return self._withheld(stage, f"{len(text)} characters, reads {MAX_CHARS}", subject)
        channel: Literal["document", "user"] = "user" if stage == "input" else "document"
        rules = _rules(channel, text)
        return self._withheld(stage, rules, subject) if rules else Guarded(text=text)

    def _withheld(
        self, stage: Literal["input", "document", "output"], reason: str, subject: str
    ) -> Guarded:
        event = GuardrailEvent(
            guardrail=self.name,
            stage=stage,
            action="dropped" if stage == "document" else "blocked",
            reason=reason,
            subject=subject,
        )
        return Guarded(text=None, events=(event,))
