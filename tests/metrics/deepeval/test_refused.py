from __future__ import annotations

import pytest

from evalkit.metrics import METRICS
from evalkit.metrics.deepeval.refused import REFUSED
from evalkit.registry import UnknownName


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_suite_that_names_one_is_told_why_it_cannot(name):
    with pytest.raises(UnknownName, match="cannot be used: ") as caught:
        METRICS.get(name)
    assert REFUSED[name] in str(caught.value)
    assert name not in METRICS


def test_a_typing_error_is_no_refusal():
    with pytest.raises(UnknownName, match="Did you mean deepeval/faithfulness"):
        METRICS.get("deepeval/faithfulnes")


def test_every_reason_is_a_sentence_about_what_is_missing():
    assert len(REFUSED) == 41
    assert all(why.startswith("it ") for why in REFUSED.values())
