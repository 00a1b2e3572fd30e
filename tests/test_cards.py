"""Cards of judges: kept a judge and set, read strictly, said in a line."""

from __future__ import annotations

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


def test_labels_of_one_kind_give_no_j():
    card = replace(CARD, true_negatives=0, false_positives=0)
    assert cards.agreement_of(card) is None
    assert cards.agreement_of(replace(card, false_positives=1)) is not None


# ── which card counts ────────────────────────────────────────────────────────────────────────────


def of(labels, j, *, n=50, suite="", metric=""):
    """A card of `n` supported and `n` unsupported items; the judge keeps a share J of the first."""
    right = round(n * j)
    return replace(
        CARD, labels=labels, suite=suite, metric=metric, true_positives=right,
        false_negatives=n - right, true_negatives=n, false_positives=0,
    )  # fmt: skip


def telling(*found, suite="rag", metric="m"):
    card = cards.telling(found, suite=suite, metric=metric)
    return card.labels if card else None


def test_a_suites_own_labels_tell_most_and_then_the_set_with_the_lowest_j():
    own = of("ours", 0.9, suite="rag", metric="m")
    others = (of("begin", 0.7), of("other", 0.6), of("of m", 0.65, metric="m"))
    assert telling(*others, own) == "ours"
    assert telling(*others, own, suite="rag@small") == "ours"
    assert telling(*others, own, suite="pii") == "other"
    assert telling(*others) == "other"
    assert telling(of("b", 0.6), of("a", 0.6)) == "a"


def test_a_handful_of_own_labels_does_not_take_the_place_of_a_set():
    """Five answers, all judged rightly, say J = 1; a lower J than the set's counts at once."""
    begin = of("begin", 0.6)
    assert telling(begin, of("ours", 1.0, n=24, suite="rag", metric="m")) == "begin"
    assert telling(begin, of("ours", 1.0, n=25, suite="rag", metric="m")) == "ours"
    assert telling(begin, of("ours", 0.5, n=2, suite="rag", metric="m")) == "ours"
    assert telling(of("ours", 1.0, n=2, suite="rag", metric="m")) == "ours"


def test_labels_of_another_metric_or_of_one_kind_tell_nothing():
    one_kind = replace(CARD, true_negatives=0, false_positives=0)
    assert telling(of("other", 0.9, metric="other"), one_kind) is None
    assert telling() is None


def test_the_cards_of_the_embedded_judge_travel_in_the_package(tmp_path):
    """A project of its own has no card of it yet, and sees what is known all the same."""
    (folder,) = [path for path in cards.SHIPPED.iterdir() if path.is_dir()]
    shipped = [codec.load(Calibration, path) for path in sorted(folder.glob("*.json"))]
    found = cards.load_all(tmp_path, shipped[0].judge)
    assert [card.labels for card in found] == ["begin-held-out", "halueval"]
    own = replace(found[0], made_at="2026-12-01T00:00:00+00:00")
    cards.save(tmp_path, own)
    assert cards.load_all(tmp_path, own.judge) == (own, found[1])
