"""What a target without a way to take documents does when it is given some."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.errors import ConfigError, Problem
from evalkit.records import Document

PREFIX = "planted-"
"""How the ids of documents begin that an attack suite adds to the corpus."""


def refuse_planted(documents: Sequence[Document], *, target: str, remedy: str) -> None:
    """Raise `ConfigError` where an attack is among the documents; a plain corpus passes.

    A target that answers from its own index can be measured on questions about that corpus. An
    attack that was never delivered to it would count as nothing but missing, so it is refused here.
    """
    planted = [document.id for document in documents if document.id.startswith(PREFIX)]
    if planted:
        what = f"has no way to take the {len(planted)} documents this suite plants; {remedy}"
        raise ConfigError([Problem(where=f"target {target}", what=what, value=planted[0])])
