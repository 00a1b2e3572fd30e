from __future__ import annotations

import pytest

from evalkit.metrics.precision_at_k import PrecisionAtK


@pytest.mark.parametrize(
    ("ranking", "k", "value"),
    [
        ("xaybw", 5, 0.4),  # two of five
        ("a", 5, 0.2),  # the denominator is k, not what was retrieved
        ("ab", 2, 1.0),
        ("aab", 2, 1.0),  # two chunks of a are one document
        ("xyzwva", 5, 0.0),
        ("", 5, 0.0),
    ],
)
def test_gold_a_and_b_in_a_ranking(case, answer, score, ranking, k, value):
    passages = [(document, "text") for document in ranking]
    found = score(PrecisionAtK(k=k), case(relevant_ids=("a", "b")), answer("x", *passages))
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("k", [0, -1, True])
def test_k_counts_documents(k):
    with pytest.raises(ValueError, match="1 or more"):
        PrecisionAtK(k=k)


def test_only_cases_with_gold_documents(case):
    assert PrecisionAtK().applies_to(case(relevant_ids=("a",)))
    assert not PrecisionAtK().applies_to(case())
