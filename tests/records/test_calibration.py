"""A judge against labels: counts that are counts, scores that are scores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.records import Calibration, Rated

CARD = Calibration(
    schema_version=1, evalkit_version="0", made_at="2026-11-22T08:00:00+00:00", judge="j",
    labels="begin", labels_digest="d", unit="answer",
    true_positives=4, false_negatives=1, true_negatives=3, false_positives=2,
)  # fmt: skip


def test_what_the_judge_did_not_answer_is_not_among_the_counted():
    """4 + 1 + 3 + 2 were answered; seven more were not."""
    assert replace(CARD, unanswered=7).n == 10


@pytest.mark.parametrize("name", ["true_positives", "false_negatives", "unanswered"])
def test_a_count_is_not_negative(name):
    with pytest.raises(ValueError, match=f"{name} must not be negative"):
        replace(CARD, **{name: -1})


@pytest.mark.parametrize("scores", [{"human": 1.1}, {"judged": -0.1}, {"human": float("nan")}])
def test_both_scores_of_an_answer_lie_between_0_and_1(scores):
    assert Rated(id="a", human=1.0, judged=0.0)
    with pytest.raises(ValueError, match="of a"):
        Rated(**({"id": "a", "human": 0.5, "judged": 0.5} | scores))
