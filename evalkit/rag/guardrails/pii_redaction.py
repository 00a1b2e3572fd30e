"""Replaces personal data by the name of its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

from evalkit.detectors import DETECTORS
from evalkit.detectors.protocol import Detector, Finding
from evalkit.rag.protocol import Guarded
from evalkit.records import GuardrailEvent

Entity = Literal["email", "iban", "ip_address", "payment_card", "phone", "us_ssn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PIIRedaction:
    """Redacts documents before the prompt and answers after the model; questions stay as asked.

    Each recognised value becomes `[email]`, `[iban]` and so on, where findings overlap the longest.
    No name, address or date of birth is recognised: they have no grammar and no check digit.
    """

    name: ClassVar[str] = "pii_redaction"
    version: ClassVar[int] = 1

    entities: tuple[Entity, ...] = ("email", "iban", "payment_card", "phone", "us_ssn")

    def __post_init__(self) -> None:
        if not self.entities:
            raise ValueError("entities must name at least one kind of personal data")

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text may be treated differently."""
        return f"{self.name}@{self.version}({','.join(self.entities)})"

    def guard(
        self, text: str, *, stage: Literal["input", "document", "output"], subject: str = ""
    ) -> Guarded:
        if stage == "input":
            return Guarded(text=text)
        found = longest(f for entity in self.entities for f in _detector(entity).find(text))
        if not found:
            return Guarded(text=text)
        kinds = Counter(finding.kind for finding in found)
        event = GuardrailEvent(
            guardrail=self.name,
            stage=stage,
            action="redacted",
            # Never the values: events are logged and reported.
            reason=", ".join(f"{times} {kind}" for kind, times in sorted(kinds.items())),
            subject=subject,
        )
        return Guarded(text=redacted(text, found), events=(event,))


@cache  # a registry looks through every installed package, and this is asked for every passage
def _detector(name: str) -> Detector:
    return DETECTORS.get(name)()


def longest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings that do not overlap, in order; of those that do, the longest."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start - f.end, f.start)):
        if all(finding.end <= other.start or other.end <= finding.start for other in kept):
            kept.append(finding)
    return tuple(sorted(kept, key=lambda finding: finding.start))


def redacted(text: str, findings: Iterable[Finding]) -> str:
    """The text with each finding (in order, none overlapping) replaced by its kind in brackets."""
    pieces, end = [], 0
    for finding in findings:
        pieces += [text[end : finding.start], f"[{finding.kind}]"]
        end = finding.end
    return "".join(pieces) + text[end:]
