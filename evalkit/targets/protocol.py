"""What every system under test offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evalkit.records import Answer, Document


class Target(Protocol):
    """The system under test. `fingerprint` names everything that shapes its answers."""

    @property
    def fingerprint(self) -> str: ...

    async def ingest(self, documents: Sequence[Document]) -> None:
        """Make the corpus findable, through the target's own chunking and indexing.

        Called once before the first question. Raises `ConfigError` where the target has no way to
        take documents and some were planted.
        """
        ...

    async def answer(self, question: str) -> Answer:
        """One answer. Any exception becomes the trial's `Failure`."""
        ...
