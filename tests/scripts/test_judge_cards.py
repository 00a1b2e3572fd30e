"""The committed cards of the embedded judge, and the labelled set in the package, are made so."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import cards, codec
from evalkit.calibrating import SETS, SHIPPED, judge_of
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.records import Calibration

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch):
    """A script as a module: its folder is on the path while the test runs."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))
    return importlib.import_module


def committed():
    project = load_project(REPOSITORY)
    _, tools = judge_of(project, "offline", profile="offline", traffic=Traffic())
    return {card.labels: card for card in cards.load_all(REPOSITORY, tools.judge.fingerprint)}


def test_the_embedded_judge_has_a_card_on_what_it_was_not_fitted_on():
    """BEGIN's held-out half, and 500 HaluEval questions with a right and a wrong answer each."""
    found = committed()
    assert {name: card.n for name, card in found.items()} == {
        "begin-held-out": 226,
        "halueval": 1000,
    }
    figures = cards.agreement_of(found["begin-held-out"])
    assert 0.5 < figures.j.low + 0.05 < figures.j.value


def test_the_shipped_set_is_the_published_one(script, tmp_path):
    script("labelled_sets").main(tmp_path)
    for part in SETS["begin"]:
        assert (tmp_path / part).read_bytes() == (SHIPPED / part).read_bytes()


@pytest.mark.slow
def test_the_cards_come_out_the_same_again(script, tmp_path):
    script("judge_cards").main(tmp_path)
    made = [codec.load(Calibration, path) for path in sorted(tmp_path.rglob("*.json"))]
    assert [replace(card, made_at="") for card in made] == [
        replace(card, made_at="") for _, card in sorted(committed().items())
    ]
