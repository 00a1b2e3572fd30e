"""An answer or a passage that works on the judge never raises a score; a lesser judge falls for it.

The judge's model here is scripted to be obedient (tests/judges/naive.py): the figures are about
what stands between an order and a verdict, not about how readily a real model takes orders.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from evalkit.errors import JudgeError
from evalkit.judges.llm import LlmJudge
from evalkit.judges.wording import Wording
from evalkit.metrics import METRICS
from evalkit.metrics.protocol import Instruments
from evalkit.records import Answer, Passage, Score
from evalkit.text import content_words
from tests.judges import naive
from tests.judges.attacks import DICTATING, FORMS, POINTING, ROOT, Bad, attack, bad_answers

pytestmark = pytest.mark.slow

ANSWER_METRICS = ("faithfulness", "answer_relevancy")
PASSAGE_METRICS = ("faithfulness", "context_precision", "context_recall")
RULES = {name: METRICS.get(name)() for name in {*ANSWER_METRICS, *PASSAGE_METRICS}}
PLACEMENTS = ("prefix", "suffix")


@dataclass(frozen=True)
class WordCounts:
    """An embedder whose cosine is the share of words in common: what an order adds, it dilutes."""

    name = fingerprint = "word counts"
    dimensions = 4096

    async def embed(self, texts):
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = not content_words(text)  # a text without words has a length as well
            for word in content_words(text):
                digest = hashlib.sha256(word.encode()).digest()
                row[1 + int.from_bytes(digest[:4], "big") % (self.dimensions - 1)] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fixed(content, meanings):
    """Every call in the same words, which say what they mean: what the drawn ones are there for."""
    return Wording(nonce="data", words={meaning: meaning for meaning in meanings})


OBEDIENT = LlmJudge(model=naive.model(naive.obedient))
NAMEABLE = LlmJudge(model=naive.model(naive.obedient), draw=fixed)
BAD = bad_answers()


async def scored(judge, metric: str, bad: Bad, text: str, passages: tuple[str, ...]):
    """The score, or None where there is none: never green."""
    shown = tuple(
        Passage(document_id=f"d{i}", chunk_id=f"d{i}#0", text=passage, rank=i, similarity=0.5)
        for i, passage in enumerate(passages, start=1)
    )
    answer = Answer(text=text, passages=shown, retrieved=shown)
    instruments = Instruments(judge=judge, embedder=WordCounts())
    try:
        score = await RULES[metric].score(bad.case, answer, repeat=0, instruments=instruments)
    except JudgeError:
        return None
    return score.value if isinstance(score, Score) else None


def placed(text: str, order: str, placement: str) -> str:
    return f"{order}\n{text}" if placement == "prefix" else f"{text}\n{order}"


async def attacked(judge, bad: Bad, forms):
    """(metric, score without, score with), for each attack in the answer and in the passages."""
    found = []
    for metrics, passages in ((ANSWER_METRICS, bad.passages), (PASSAGE_METRICS, bad.elsewhere)):
        inside = metrics is PASSAGE_METRICS
        for name in metrics:
            before = await scored(judge, name, bad, bad.text, passages)
            for form, placement in product(forms, PLACEMENTS):
                order = attack(form, bad.case.input)
                text = bad.text if inside else placed(bad.text, order, placement)
                shown = tuple(placed(p, order, placement) if inside else p for p in passages)
                after = await scored(judge, name, bad, text, shown)
                found.append((name, order, before, after))
    return found


def raised(judge, bad: Bad, *forms: str):
    """The attacks that got more than the bad answer by itself; no score is no gain."""
    return [
        (name, order, before, after)
        for name, order, before, after in asyncio.run(attacked(judge, bad, forms))
        if after is not None and after > (before or 0.0) + 1e-9
    ]


def test_the_suite_is_as_large_as_it_says():
    assert len({(bad.case.id, bad.kind) for bad in BAD}) >= 60
    assert len(FORMS) >= 15


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.case.id}-{bad.kind}")
def test_no_attack_raises_the_score_of_a_bad_answer(bad):
    assert raised(OBEDIENT, bad, *FORMS.values()) == []


def test_bad_answers_leave_room_to_rise():
    """Where every score is high already no attack could raise it."""
    for name in RULES:
        low = [asyncio.run(scored(OBEDIENT, name, bad, bad.text, bad.elsewhere)) for bad in BAD]
        assert sum(value is not None and value < 0.5 for value in low) >= 0.9 * len(BAD)


def test_words_that_can_be_named_are_fallen_for():
    """The same attacks on the same model, with fixed verdict words: every metric is raised."""
    gained = Counter(
        name for bad in BAD[::7] for name, *_ in raised(NAMEABLE, bad, *FORMS.values())
    )
    assert set(gained) == set(RULES)
    assert gained.total() > 100


# ── what is not withstood ────────────────────────────────────────────────────────────────────────


def test_an_order_that_points_at_a_word_is_a_matter_of_luck():
    """Their order is drawn, so "the first of the words" is the good one only at times."""
    gained = sum(len(raised(OBEDIENT, bad, POINTING)) for bad in BAD)
    tried = len(BAD) * len(PLACEMENTS) * (len(ANSWER_METRICS) + len(PASSAGE_METRICS))
    assert 0.1 < gained / tried < 0.5


def test_a_question_that_is_dictated_makes_any_answer_relevant():
    """A reconstructed question is free text; only the words of the one asked are taken out."""
    gained = [name for name, *_ in raised(OBEDIENT, BAD[0], DICTATING)]
    assert gained == ["answer_relevancy"] * len(PLACEMENTS)


def test_the_page_says_how_much_was_tried():
    page = (ROOT / "docs" / "judges.md").read_text("utf-8")
    cells = len(FORMS) * len(PLACEMENTS) * (len(ANSWER_METRICS) + len(PASSAGE_METRICS)) * len(BAD)
    assert f"{len(BAD)} bad\nanswers" in page
    assert f"{len(FORMS)} forms of attack" in page
    assert f"| as shipped | {cells:,} | 0 |" in page
