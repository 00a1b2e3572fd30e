from __future__ import annotations

import pytest

from evalkit.metrics.ndcg_at_k import NDCGAtK


@pytest.mark.parametrize(
    ("ranking", "k", "value"),
    [
        # Discounts at places 1, 2, 3: 1, 1/log2(3) = 0.6309, 1/log2(4) = 0.5. Ideal: 1.6309.
        ("ab", 5, 1.0),
        ("axb", 5, (1 + 0.5) / 1.6309297535714575),
        ("xa", 5, 0.6309297535714575 / 1.6309297535714575),
        ("xa", 1, 0.0),
        ("a", 1, 1.0),  # the ideal is cut at k as well
        ("aaaxxb", 5, (1 + 0.5) / 1.6309297535714575),  # chunks of a document count once
        ("", 5, 0.0),
    ],
)
def test_gold_a_and_b_in_a_ranking(case, answer, score, ranking, k, value):
    passages = [(document, "text") for document in ranking]
    found = score(NDCGAtK(k=k), case(relevant_ids=("a", "b")), answer("x", *passages))
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("k", [0, -1, True])
def test_k_counts_documents(k):
    with pytest.raises(ValueError, match="1 or more"):
        NDCGAtK(k=k)


def test_only_cases_with_gold_documents(case):
    assert NDCGAtK().applies_to(case(relevant_ids=("a",)))
    assert not NDCGAtK().applies_to(case())
