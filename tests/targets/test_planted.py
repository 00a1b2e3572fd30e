"""A target that cannot take documents refuses an attack that it would never meet."""

from __future__ import annotations

import pytest

from evalkit.errors import ConfigError
from evalkit.records import Document
from evalkit.targets.planted import PREFIX, refuse_planted


def documents(*ids):
    return [Document(id=name, text="t") for name in ids]


def test_planted_documents_are_refused_with_their_number_and_the_remedy():
    """Two of three are planted; the first of them is named."""
    with pytest.raises(ConfigError) as caught:
        refuse_planted(
            documents("d1", f"{PREFIX}7", f"{PREFIX}8"), target="app:answer", remedy="do this"
        )
    (problem,) = caught.value.problems
    assert problem.where == "target app:answer"
    assert problem.what.endswith("the 2 documents this suite plants; do this")
    assert problem.value == f"{PREFIX}7"


@pytest.mark.parametrize("ids", [(), ("d1", "d2"), ("transplanted-1", "Planted-1", "planted")])
def test_a_plain_corpus_passes(ids):
    """The target answers from its own index; ids that only look planted are no attack."""
    refuse_planted(documents(*ids), target="app:answer", remedy="do this")
