"""A reply counts whole or not at all."""

from __future__ import annotations

import json

import pytest

from evalkit.errors import JudgeError
from evalkit.judges import reply
from evalkit.judges.reply import VERDICT_KEYS, Sentence, Verdict

MEANINGS = {"zafo": "supported", "bepi": "unsupported"}
IDS = ("c1", "c2")
ENTRY = {"id": "c1", "reason": "It says so.", "context": "p1", "quote": "rain", "verdict": "zafo"}


def verdicts(text):
    return reply.verdicts(text, ids=IDS, meanings=MEANINGS, keys=VERDICT_KEYS)


def one(**changes):
    return json.dumps({"verdicts": [{**ENTRY, **changes}]})


def test_a_reply_as_asked_is_read():
    both = {"verdicts": [ENTRY, {**ENTRY, "id": "c2", "verdict": "bepi", "quote": ""}]}
    assert verdicts(f" {json.dumps(both)}\n") == {
        "c1": Verdict(says="supported", reason="It says so.", quote="rain", context="p1"),
        "c2": Verdict(says="unsupported", reason="It says so.", quote="", context="p1"),
    }


def test_what_is_left_out_is_missing_and_not_made_up():
    assert set(verdicts(one())) == {"c1"}
    assert verdicts('{"verdicts": []}') == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not valid JSON"),
        ("I think c1 is fine.", "not valid JSON"),
        (f"```json\n{one()}\n```", "not valid JSON"),
        (f"{one()}\n{one()}", "not valid JSON"),
        (f"Verdict: {one()}", "not valid JSON"),
        (one()[:-1], "not valid JSON"),
        (f"[{one()}]", "not an object with verdicts"),
        ("null", "not an object with verdicts"),
        ('{"verdicts": [], "verdicts": []}', "duplicate key verdicts"),
        ('{"verdicts": [], "score": 1.0}', "not an object with verdicts"),
        ('{"verdicts": {}}', "not a list"),
        ('{"verdicts": ["c1"]}', "not an object with id, reason"),
        ('{"verdicts": [NaN]}', "NaN"),
        ('{"verdicts": [-Infinity]}', "Infinity"),
        ('{"verdicts": [1e999]}', "not an object with id"),
        (one(score=1), "not an object with id"),
        (json.dumps({"verdicts": [{k: v for k, v in ENTRY.items() if k != "quote"}]}), "with id"),
        (one(verdict=True), "'verdict' is not a text, but bool"),
        (one(verdict=1.0), "'verdict' is not a text, but float"),
        (one(quote=None), "'quote' is not a text, but NoneType"),
        (one(reason=["x"]), "'reason' is not a text, but list"),
        (one(id=1), "'id' is not a text"),
        (one(id="c3"), "'c3' was not asked for, or is given twice"),
        (one(id="C1"), "'C1' was not asked for"),
        (one(verdict="supported"), "'supported' is no verdict of this call"),
        (one(verdict="zafo "), "'zafo ' is no verdict of this call"),
        (one(verdict="ZAFO"), "'ZAFO' is no verdict of this call"),
        (json.dumps({"verdicts": [ENTRY, ENTRY]}), "given twice"),
        (json.dumps({"verdicts": [ENTRY, {**ENTRY, "id": "c9"}]}), "'c9' was not asked for"),
        ("[" * 100_000, "not valid JSON"),
        (f'{{"verdicts": [{"9" * 5000}]}}', "not valid JSON"),
        (" " * 400_001, "the reply has 400,001 characters"),
    ],
)
def test_anything_else_is_refused_whole(text, why):
    with pytest.raises(JudgeError, match=why):
        verdicts(text)


def test_what_a_judge_writes_is_cleaned_and_bounded():
    (found,) = verdicts(one(reason="\x1b[31m" + "r" * 2000, quote="ra\u200bin")).values()
    assert found.reason == "r" * 1000
    assert found.quote == "rain"


# ── sentences ────────────────────────────────────────────────────────────────────────────────────

KINDS = {"zafo": "stating", "bepi": "empty"}


def sentence(**changes):
    entry = {"id": "c1", "kind": "zafo", "claims": ["It rains."], **changes}
    return reply.sentences(json.dumps({"sentences": [entry]}), ids=IDS, meanings=KINDS)


def test_claims_are_read_by_sentence():
    assert sentence() == {"c1": Sentence(claims=("It rains.",))}
    assert sentence(kind="bepi", claims=[]) == {"c1": Sentence(claims=())}


@pytest.mark.parametrize(
    "changes",
    [
        {"claims": []},  # states something, but what?
        {"kind": "bepi"},  # states nothing, but this
        {"claims": [" "]},
        {"claims": ["x" * 2001]},
        {"claims": [1]},
        {"claims": "It rains."},
        {"kind": "stating"},
        {"id": "c3"},
        {"extra": 1},
    ],
)
def test_a_kind_without_its_claims_spoils_the_reply(changes):
    with pytest.raises(JudgeError):
        sentence(**changes)


# ── reconstruction ───────────────────────────────────────────────────────────────────────────────

COMMITMENTS = {"zafo": "committal", "bepi": "noncommittal"}


def reconstruction(commitment="zafo", questions=("Why?", "How?")):
    entries = [{"id": f"c{i}", "text": text} for i, text in enumerate(questions, start=1)]
    text = json.dumps({"commitment": commitment, "questions": entries})
    return reply.reconstruction(text, ids=IDS, meanings=COMMITMENTS)


def test_questions_are_read_by_id():
    found = reconstruction()
    assert (found.committal, found.questions) == (True, {"c1": "Why?", "c2": "How?"})


def test_an_answer_that_commits_to_nothing_needs_no_questions():
    assert reconstruction("bepi", ()).committal is False


@pytest.mark.parametrize("questions", [(), ("Why?",), ("Why?", " "), ("Why?", "How?", "Who?")])
def test_one_that_commits_needs_all_of_them(questions):
    with pytest.raises(JudgeError):
        reconstruction(questions=questions)


def test_the_commitment_is_a_word_of_the_call():
    with pytest.raises(JudgeError, match="no verdict of this call"):
        reconstruction("committal")
