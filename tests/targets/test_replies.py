"""What an application may hand back, and what it may not."""

from __future__ import annotations

import pytest

from evalkit.records import Answer, Passage, Usage
from evalkit.targets.replies import answer_of, passages_of, usage_of


def test_a_text_is_an_answer():
    assert answer_of("42", latency_s=0.5) == Answer(text="42", latency_s=0.5)


def test_an_answer_stays_as_it_is():
    """With its own latency, also where that is 0."""
    answer = Answer(text="42", latency_s=0.0)
    assert answer_of(answer, latency_s=0.5) is answer


def test_a_mapping_is_read_field_by_field():
    """Ranks are places in the list; a passage without a chunk is its document."""
    reply = {
        "text": "42",
        "prompt": "what?",
        "usage": {"input_tokens": 7, "output_tokens": 1},
        "passages": [
            {"document_id": "d1", "text": "a", "title": "A", "similarity": 1},
            {"document_id": "d1", "text": "b", "chunk_id": "d1#2"},
        ],
    }
    first = Passage(document_id="d1", chunk_id="d1", text="a", title="A", rank=1, similarity=1.0)
    second = Passage(document_id="d1", chunk_id="d1#2", text="b", rank=2, similarity=0.0)
    assert answer_of(reply, latency_s=0.5) == Answer(
        text="42",
        prompt="what?",
        usage=Usage(input_tokens=7, output_tokens=1),
        passages=(first, second),
        retrieved=(first, second),
        latency_s=0.5,
    )


def test_records_of_evalkit_are_taken_where_mappings_are():
    """An application may build them itself."""
    passage = Passage(document_id="d", chunk_id="d", text="t", rank=3, similarity=0.5)
    assert passages_of([passage]) == (passage,)
    assert usage_of(Usage(input_tokens=1)) == Usage(input_tokens=1)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (None, "not nothing"),
        (42, "not int"),
        (["42"], "not list"),
        ({}, "'text' of the answer must be text, not nothing"),
        ({"text": 42}, "'text' of the answer must be text, not int"),
        ({"text": "a", "prompt": None}, "'prompt' of the answer must be text, not nothing"),
        ({"text": "a", "passages": "p"}, "passages must be a list of mappings, not str"),
        ({"text": "a", "passages": {"text": "p"}}, "passages must be a list of mappings, not dict"),
        ({"text": "a", "passages": None}, "passages must be a list of mappings, not nothing"),
        ({"text": "a", "passages": ["p"]}, "passage 1 must be a mapping, not str"),
        ({"text": "a", "passages": [{"text": "p"}]}, "'document_id' of passage 1"),
        ({"text": "a", "passages": [{"document_id": "d"}]}, "'text' of passage 1"),
        (
            {"text": "a", "passages": [{"document_id": "d", "text": "t", "similarity": "1"}]},
            "similarity of passage 1 must be a number, not str",
        ),
        (
            {"text": "a", "passages": [{"document_id": "d", "text": "t", "similarity": True}]},
            "similarity of passage 1 must be a number, not bool",
        ),
        ({"text": "a", "usage": [1]}, "usage must be a mapping, not list"),
        ({"text": "a", "usage": {"input_tokens": 1.0}}, "input_tokens of usage must be an integer"),
        ({"text": "a", "usage": {"input_tokens": True}}, "must be an integer, not bool"),
    ],
)
def test_another_type_is_refused_by_name(reply, says):
    """The key and the type are said, never the value: it may hold what must not be printed."""
    with pytest.raises(TypeError, match=says):
        answer_of(reply, latency_s=0.0)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ({"text": "a", "pasages": []}, "the answer has unknown keys: pasages; known: text, pass"),
        (
            {"text": "a", "passages": [{"document_id": "d", "text": "t", "score": 1}]},
            "passage 1 has unknown keys: score",
        ),
        ({"text": "a", "usage": {"tokens": 1}}, "usage has unknown keys: tokens"),
    ],
)
def test_a_misspelt_key_does_not_pass_for_none(reply, says):
    """Without passages every judged metric would score something else."""
    with pytest.raises(ValueError, match=says):
        answer_of(reply, latency_s=0.0)


def test_a_secret_in_a_wrong_place_is_not_in_the_message():
    with pytest.raises(TypeError) as caught:
        answer_of({"text": ["4929 1234 5678 9012"]}, latency_s=0.0)
    assert "4929" not in str(caught.value)
