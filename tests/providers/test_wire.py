"""A reply is one JSON object of the model asked, without reasoning, with counts that can be."""

import pytest

from evalkit.errors import BadReply
from evalkit.providers import wire
from evalkit.records import ModelRequest, Usage

REQUEST = ModelRequest(prompt="0123456789ab", system="stay calm", max_output_tokens=10)


def test_an_object_is_read_as_it_is():
    assert wire.parsed(' {"a": [1, 2.5, true, null, "é"]}\n'.encode()) == {
        "a": [1, 2.5, True, None, "é"]
    }


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": 1', "cut short"),
        (b"<!doctype html>", "HTML"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"b": {"a": 1, "a": 2}}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b"[1]", "no object but list"),
        (b"null", "no object but nothing"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_anything_else_is_a_bad_reply(data, why):
    with pytest.raises(BadReply, match=why):
        wire.parsed(data)


def test_a_bad_reply_does_not_quote_it():
    with pytest.raises(BadReply) as caught:
        wire.mapping(["a secret"], "the reply")
    assert str(caught.value) == "the reply is no object but list"


def test_text_that_no_file_can_hold_is_refused():
    assert wire.text("whole: \U0001f433", "it") == "whole: \U0001f433"
    with pytest.raises(BadReply, match="half a character"):
        wire.text("half: \ud83d", "it")


@pytest.mark.parametrize(
    ("asked", "replied", "accepted"),
    [
        ("gpt-4o", "gpt-4o", ()),
        ("gpt-4o", "gpt-4o-2024-08-06", ()),
        ("gpt-4", "gpt-4-0613", ()),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", ()),
        ("claude-sonnet-5", "claude-sonnet-5@20260801", ()),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", ()),
        ("llama3.2", "llama3.2:latest", ()),
        ("tgi", "meta-llama/Llama-3.1-8B", ("meta-llama/Llama-3.1-8B",)),
        ("router", "whatever", ("*",)),
        ("router", None, ("*",)),
    ],
)
def test_the_model_asked_may_reply_under_these_names(asked, replied, accepted):
    wire.check_model(asked, replied, accepted)


@pytest.mark.parametrize(
    ("asked", "replied"),
    [
        ("gpt-4", "gpt-4o"),
        ("gpt-4", "gpt-4-turbo"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("claude-opus-4", "claude-opus-4-8"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("m", ""),
        ("m", None),
        ("m", 7),
    ],
)
def test_no_other_model_may(asked, replied):
    with pytest.raises(BadReply, match="model"):
        wire.check_model(asked, replied, ("another",))


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Krill.", "Krill."),
        ("<think>hm</think>Krill.", "Krill."),
        ("\n<think>\nhm\n</think>\n\nKrill.", "Krill."),
        ("<thinking>hm</thinking> Krill.", "Krill."),
        ("<think>a</think><think>b</think>Krill.", "Krill."),
        ("<think>never ends: krill", ""),
        ("Krill <think>hm</think>.", "Krill <think>hm</think>."),
        ("leak </think> Krill.", "leak </think> Krill."),
        ("<thinker>x</thinker>", "<thinker>x</thinker>"),
    ],
)
def test_reasoning_is_dropped_where_a_reply_begins_with_it_and_nowhere_else(said, answer):
    assert wire.without_reasoning(said) == answer


@pytest.mark.parametrize(
    ("said", "answer"),
    [("hm</think>Krill.", "Krill."), ("<think>hm</think>Krill.", "Krill."), ("hm", "")],
)
def test_a_template_may_open_the_reasoning(said, answer):
    assert wire.without_reasoning(said, opened=True) == answer


def test_counts_are_whole_and_not_negative():
    table = {"a": 3, "none": None, "negative": -1, "half": 1.5, "true": True, "text": "3"}
    assert wire.counts(table, "a", "none", "missing") == [3, 0, 0]
    assert [wire.counts(table, key) for key in ("negative", "half", "true", "text")] == [None] * 4


@pytest.mark.parametrize(
    ("tokens", "can_be"),
    [
        ((5, 3), True),
        # 4 a character and what an endpoint may add: 4 × (12 + 9) + 100,000.
        ((100_084, 3), True),
        ((100_085, 3), False),
        ((5, 100_010), True),
        ((5, 100_011), False),
        ((0, 3), False),
        ((5, 0), False),
    ],
)
def test_usage_is_believed_within_reason(tokens, can_be):
    usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1])
    assert wire.plausible(usage, REQUEST, "Krill.") == (usage if can_be else None)


def test_saying_nothing_takes_no_tokens():
    usage = Usage(input_tokens=5)
    assert wire.plausible(usage, REQUEST, "") == usage


def test_a_reply_without_counts_is_billed_at_the_worst():
    """21 bytes are 6 tokens at most at 4 bytes a token, and the output is all that was allowed."""
    reply = wire.Reply(text="Krill.", stop_reason="stop", usage=None)
    found = reply.completion(REQUEST, name="p/m", latency_s=0.5)
    assert (found.usage, found.usage_known) == (Usage(input_tokens=6, output_tokens=10), False)
    assert (found.text, found.model, found.cost.usd, found.latency_s) == ("Krill.", "p/m", 0.0, 0.5)
