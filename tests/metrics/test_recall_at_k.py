from __future__ import annotations

import pytest

from evalkit.metrics.recall_at_k import RecallAtK


@pytest.mark.parametrize(
    ("ranking", "k", "value"),
    [
        ("xayzw", 5, 0.5),  # one of two
        ("xaybw", 5, 1.0),
        ("xayzwb", 5, 0.5),  # b is sixth
        ("xayzwb", 6, 1.0),
        ("xxxxxa", 2, 0.5),  # five chunks of x are one document, so a is second
        ("", 5, 0.0),
    ],
)
def test_gold_a_and_b_in_a_ranking(case, answer, score, ranking, k, value):
    passages = [(document, "text") for document in ranking]
    found = score(RecallAtK(k=k), case(relevant_ids=("a", "b")), answer("x", *passages))
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("k", [0, -1, True])
def test_k_counts_documents(k):
    with pytest.raises(ValueError, match="1 or more"):
        RecallAtK(k=k)


def test_only_cases_with_gold_documents(case):
    assert RecallAtK().applies_to(case(relevant_ids=("a",)))
    assert not RecallAtK().applies_to(case())
