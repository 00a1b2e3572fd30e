from __future__ import annotations

import pytest

from evalkit.metrics import verdicts
from evalkit.records import Judgement


def said(unit, label="useful", evidence="", note=""):
    return Judgement(unit=unit, text=unit, label=label, evidence=evidence, note=note)


@pytest.mark.parametrize(
    ("given", "asked", "fault"),
    [
        ([said("a"), said("b", "not_useful")], 2, ""),
        ([], 0, ""),
        ([said("a")], 2, "the judge gave 1 verdicts on 2 units"),
        ([said("a"), said("b")], 1, "the judge gave 2 verdicts on 1 units"),
        ([said("a"), said("a")], 2, "the judge gave two verdicts on 'a'"),
        ([said("a", "leaked")], 1, "the judge said leaked; asked for useful, not_useful"),
    ],
)
def test_only_complete_verdicts_in_the_asked_words_count(given, asked, fault):
    assert verdicts.fault(given, asked=asked, allowed=("useful", "not_useful")) == fault


@pytest.mark.parametrize(
    ("evidence", "label"),
    [
        ("the tower is tall", "supported"),
        ("The tower", "unsupported"),  # a quote is verbatim, case included
        ("the  tower\nis tall", "supported"),
        ("tall in Paris", "unsupported"),  # the join of two contexts is in neither
        ("", "supported"),
    ],
)
def test_a_good_verdict_needs_its_quote_to_be_true(evidence, label):
    contexts = ("Indeed the tower is tall", "in Paris it rains")
    given = [said("c1", "supported", evidence)]
    (found,) = verdicts.with_true_quotes(given, contexts, good="supported", otherwise="unsupported")
    assert found.label == label


def test_the_quote_of_a_bad_verdict_changes_nothing():
    given = (said("c1", "contradicted", "nowhere"),)
    checked = verdicts.with_true_quotes(given, ("x",), good="supported", otherwise="unsupported")
    assert checked == given


def test_a_rate_is_a_share_of_all_verdicts():
    given = [said("a"), said("b"), said("c", "not_useful")]
    assert verdicts.rate(given, "useful") == pytest.approx(2 / 3)
