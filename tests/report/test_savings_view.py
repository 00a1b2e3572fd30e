"""What was not asked of the judge is counted, over all that would have been asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.records import Looks, Stop
from evalkit.report.savings_view import savings_view
from tests.builders import make_run

N = 100
IDS = tuple(f"c{i:03}" for i in range(N))


def run_of(*, known: int = 0, spared: int = 0, look: int = 0, other: bool = False):
    """Faithfulness on 100 cases, the first ones known, the last ones spared."""
    scores = {"faithfulness": dict.fromkeys(IDS[: N - spared], 0.9)}
    if other:
        scores["relevancy"] = dict.fromkeys(IDS, 0.9)
    made = make_run(scores)
    marked = tuple(
        replace(score, known=True)
        if score.metric == "faithfulness" and score.case_id in IDS[:known]
        else score
        for score in made.scores
    )
    stop = Stop(
        metric="faithfulness", sizes=(50, 75, 100), look=look or 1, spared=IDS[N - spared :]
    )
    looks = Looks(seed="s", tests=1, stops=(stop,)) if look else None
    return replace(made, scores=marked, looks=looks)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"known": 30, "spared": 50, "look": 1},
            (
                "faithfulness: decided at look 1 of 3; 50 of 100 cases judged, 30 known from the "
                "baseline: 20 judged anew, 80 % of judge calls saved"
            ),
        ),
        (
            {"spared": 25, "look": 2},
            (
                "faithfulness: decided at look 2 of 3; 75 of 100 cases judged: "
                "75 judged anew, 25 % of judge calls saved"
            ),
        ),
        ({"look": 3}, "faithfulness: judged through look 3 of 3; 100 of 100 cases judged"),
        (
            {"known": 30},
            (
                "faithfulness: 100 scores, 30 known from the baseline: "
                "70 judged anew, 30 % of judge calls saved"
            ),
        ),
    ],
)
def test_each_metric_says_what_it_did_without(given, said):
    assert savings_view(run_of(**given), judged={"faithfulness"}).metrics == (said,)


def test_a_metric_of_which_nothing_was_saved_still_counts_in_the_total():
    """80 of faithfulness's 100 and 0 of relevancy's 100 are 40 % of 200."""
    run = run_of(known=30, spared=50, look=1, other=True)
    found = savings_view(run, judged={"faithfulness", "relevancy"})
    assert found.total == (
        "saved for 80 of 200 scores (40 %): 30 known from the baseline, "
        "50 after the gate had decided"
    )
    assert len(found.metrics) == 1


def test_nothing_saved_is_nothing_said():
    assert savings_view(run_of(look=3), judged={"faithfulness"}).total == ""
    found = savings_view(run_of(other=True), judged={"faithfulness", "relevancy"})
    assert (found.total, found.metrics) == ("", ())
