"""Cards of judges: kept a judge and set, read strictly, said in a line."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace

import pytest

from evalkit import cards, codec
from evalkit.errors import DataError
from evalkit.records import Calibration, Rated

JUDGE = "openai/judge-1+prompts:abc"
CARD = Calibration(
    schema_version=1,
    evalkit_version="0.1.0",
    made_at="2026-11-22T08:00:00+00:00",
    judge=JUDGE,
    labels="begin",
    labels_digest="d" * 8,
    unit="answer",
    true_positives=45,
    false_negatives=5,
    true_negatives=40,
    false_positives=10,
)
OWN = replace(
    CARD,
    labels="labels",
    suite="rag_quality",
    metric="faithfulness",
    ratings=(Rated(id="c1", human=1.0, judged=0.5),),
)


def test_cards_come_back_for_their_judge_alone(tmp_path):
    """A judge that changed has none: its fingerprint is another."""
    for card in (CARD, OWN):
        path = cards.save(tmp_path, card)
        assert path == cards.path_of(tmp_path, card)
        assert path.is_relative_to(tmp_path / "reports" / "judges")
    assert set(cards.load_all(tmp_path, JUDGE)) == {CARD, OWN}
    assert cards.load_all(tmp_path, JUDGE + "d") == ()


def test_a_set_measured_again_replaces_its_card(tmp_path):
    again = replace(CARD, true_positives=50, false_negatives=0)
    assert cards.save(tmp_path, CARD) == cards.save(tmp_path, again)
    assert cards.load_all(tmp_path, JUDGE) == (again,)


@pytest.mark.parametrize("labels", ["Begin", "be/gin", "../begin", "be gin", "bégin", "b" * 200])
def test_any_name_of_a_set_has_a_file_of_its_own(tmp_path, labels):
    """Names that differ only in signs do not share a file, and none leaves the folder."""
    path = cards.path_of(tmp_path, replace(CARD, labels=labels))
    assert path.parent == cards.path_of(tmp_path, CARD).parent
    assert path != cards.path_of(tmp_path, replace(CARD, labels="be-gin"))
    assert path != cards.path_of(tmp_path, CARD)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("schema_version", 2, "schema version 2"),
        ("judge", "another", "is of the judge 'another'"),
        ("made_at", "yesterday", "made_at is no time"),
        ("made_at", "2026-11-22T08:00:00", "made_at is no time"),
        ("true_positives", -1, "must not be negative"),
        ("true_positives", 1.5, "expected int"),
        ("mood", "good", "unknown field mood"),
    ],
)
def test_a_card_that_was_changed_by_hand_is_refused(tmp_path, field, value, what):
    path = cards.save(tmp_path, CARD)
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(DataError, match=what):
        cards.load_all(tmp_path, JUDGE)


def test_every_broken_card_is_named(tmp_path):
    for card in (CARD, OWN):
        cards.save(tmp_path, card).write_text("{")
    with pytest.raises(DataError) as caught:
        cards.load_all(tmp_path, JUDGE)
    assert len(caught.value.problems) == 2


def test_a_card_in_a_line():
    # J and accuracy of 45/50 and 40/50, with the intervals of `stats.agreement`.
    assert cards.line(CARD) == (
        "J = 0.70 [0.53, 0.80], balanced accuracy 0.850 [0.76, 0.90] on begin "
        "(100 labels, 2026-11-22)"
    )


def test_labels_of_one_kind_give_no_j():
    card = replace(CARD, true_negatives=0, false_positives=0)
    assert cards.agreement_of(card) is None
    assert cards.line(card) == (
        "J unknown: labels of one kind only on begin (50 labels, 2026-11-22)"
    )
    assert cards.agreement_of(replace(card, false_positives=1)) is not None


def test_the_age_is_in_whole_days():
    now = datetime.datetime(2026, 11, 25, 7, 59, tzinfo=datetime.UTC)
    assert cards.age_days(CARD, now) == 2
    assert cards.age_days(CARD, now + datetime.timedelta(minutes=1)) == 3


def test_the_cards_of_the_embedded_judge_travel_in_the_package(tmp_path):
    """A project of its own has no card of it yet, and sees what is known all the same."""
    (folder,) = [path for path in cards.SHIPPED.iterdir() if path.is_dir()]
    shipped = [codec.load(Calibration, path) for path in sorted(folder.glob("*.json"))]
    found = cards.load_all(tmp_path, shipped[0].judge)
    assert [card.labels for card in found] == ["begin-held-out", "halueval"]
    own = replace(found[0], made_at="2026-12-01T00:00:00+00:00")
    cards.save(tmp_path, own)
    assert cards.load_all(tmp_path, own.judge) == (own, found[1])
