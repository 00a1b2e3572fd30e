from __future__ import annotations

import pytest

from evalkit.metrics.mrr import MRR


@pytest.mark.parametrize(
    ("ranking", "k", "value"),
    [
        ("xab", 5, 1 / 2),
        ("bxa", 5, 1.0),  # the first gold document, whichever it is
        ("xyzwva", 5, 0.0),  # sixth
        ("xyzwva", 6, 1 / 6),
        ("xxxa", 5, 1 / 2),  # three chunks of x are one document
        ("", 5, 0.0),
    ],
)
def test_gold_a_and_b_in_a_ranking(case, answer, score, ranking, k, value):
    passages = [(document, "text") for document in ranking]
    found = score(MRR(k=k), case(relevant_ids=("a", "b")), answer("x", *passages))
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("k", [0, -1, True])
def test_k_counts_documents(k):
    with pytest.raises(ValueError, match="1 or more"):
        MRR(k=k)


def test_only_cases_with_gold_documents(case):
    assert MRR().applies_to(case(relevant_ids=("a",)))
    assert not MRR().applies_to(case())
