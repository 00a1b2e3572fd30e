"""What every detector offers: a text in, findings out, nothing else read or kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A place in a text that a detector recognised: ``source[start:end] == text``.

    `kind` is the detector's name, `rule` which of its rules spoke.
    """

    kind: str
    start: int
    end: int
    text: str
    rule: str


class Detector(Protocol):
    """Text to findings, in order of their start.

    A detector is a frozen dataclass whose fields are its options. `find` is pure, needs time linear
    in the text whatever the text is, and never raises on a text.
    """

    kind: ClassVar[str]

    def find(self, text: str) -> tuple[Finding, ...]: ...
