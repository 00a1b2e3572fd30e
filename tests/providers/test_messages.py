"""Messages: what is posted, and what is made of what comes back."""

import contextlib
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import BadReply
from evalkit.providers.messages import Gathered, Reading, body
from evalkit.records import ModelRequest, Usage
from tests.servers.anthropic_server import streamed

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
REQUEST = ModelRequest(prompt="Which whales?", system="Be brief.", max_output_tokens=9)
ASKED = ModelRequest(prompt="Which whales?", schema=SCHEMA)
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "Krill."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "output_tokens": 3},
}
READING = Reading(model="claude-x")


def asked(request, **how):
    return body(
        request, {"model": "claude-x"},
        **({"structured": "json_schema", "cache_prompt": False} | how),
    )  # fmt: skip


def read(request=REQUEST, **changes):
    return READING.reply(copy.deepcopy(MESSAGE) | changes, request)


def test_a_request_is_system_prompt_and_bound():
    assert asked(REQUEST) == {
        "model": "claude-x",
        "max_tokens": 9,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Which whales?"}],
    }


def test_the_system_text_may_be_marked_for_the_cache():
    block = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    assert asked(REQUEST, cache_prompt=True)["system"] == [block]
    assert "system" not in asked(ModelRequest(prompt="p"), cache_prompt=True)


def test_a_schema_is_the_format_of_the_output():
    form = {"type": "json_schema", "schema": SCHEMA}
    assert asked(ASKED)["output_config"] == {"format": form}
    fixed = {"model": "claude-x", "output_config": {"effort": "low"}}
    found = body(ASKED, fixed, structured="json_schema", cache_prompt=False)
    assert found["output_config"] == {"effort": "low", "format": form}
    assert fixed["output_config"] == {"effort": "low"}


def test_a_schema_may_be_a_forced_tool_or_words():
    tool = asked(ASKED, structured="tool")
    assert tool["tools"][0]["input_schema"] == SCHEMA
    assert tool["tool_choice"] == {"type": "tool", "name": "reply"}
    assert '"required": ["a"]' in asked(ASKED, structured="none")["system"]


def test_input_tokens_include_what_the_cache_took_part_in():
    """The API counts 7 fresh, 100 read and 20 written apart: 127 went in."""
    usage = {
        "input_tokens": 7, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20,
        "output_tokens": 3,
    }  # fmt: skip
    assert read(usage=usage).usage == Usage(
        input_tokens=127, cached_input_tokens=100, cache_write_tokens=20, output_tokens=3
    )
    null = usage | {"cache_read_input_tokens": None, "cache_creation_input_tokens": None}
    assert read(usage=null).usage == Usage(input_tokens=7, output_tokens=3)


def test_thinking_is_dropped():
    content = [
        {"type": "thinking", "thinking": "First", "signature": "x"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "Kri"},
        {"type": "text", "text": "ll."},
    ]
    assert read(content=content).text == "Krill."


def test_the_arguments_of_the_forced_tool_are_the_reply():
    content = [{"type": "tool_use", "id": "t", "name": "reply", "input": {"a": "krïll"}}]
    found = read(ASKED, content=content, stop_reason="tool_use")
    assert (json.loads(found.text), found.stop_reason) == ({"a": "krïll"}, "stop")
    cut = read(ASKED, content=content, stop_reason="max_tokens")
    assert cut.stop_reason == "length"


@pytest.mark.parametrize(
    ("reason", "stop_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
    ],
)
def test_a_reply_ends_for_a_reason(reason, stop_reason):
    assert read(stop_reason=reason).stop_reason == stop_reason


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
def test_nothing_may_be_said_before_a_limit_or_a_refusal(reason):
    assert read(content=[], stop_reason=reason).text == ""


TOOL_USE = {"type": "tool_use", "name": "reply", "input": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "error"},
        {"role": "user"},
        {"model": "claude-y"},
        {"content": []},
        {"content": "Krill."},
        {"content": ["Krill."]},
        {"content": [{"type": "text"}]},
        {"content": [{"type": "server_tool_use"}]},
        {"content": [TOOL_USE], "stop_reason": "tool_use"},  # no schema was asked for
        {"stop_reason": None},
        {"stop_reason": "tool_use"},
        {"stop_reason": "pause_turn"},
        {"stop_reason": ["end_turn"]},
    ],
)
def test_what_is_not_one_answer_is_a_bad_reply(changes):
    with pytest.raises(BadReply):
        read(**changes)


@pytest.mark.parametrize(
    "content",
    [[TOOL_USE, TOOL_USE], [TOOL_USE | {"name": "other"}], [TOOL_USE | {"input": "a"}]],
)
def test_another_tool_call_than_the_one_forced_is_a_bad_reply(content):
    with pytest.raises(BadReply):
        read(ASKED, content=content, stop_reason="tool_use")


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"input_tokens": 7}, {"input_tokens": -7, "output_tokens": 3}]
)
def test_usage_that_cannot_be_is_unknown(usage):
    assert read(usage=usage).usage is None


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


def events(message):
    lines = streamed(message).body.decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def gathered(*found):
    whole = Gathered()
    for event in found:
        whole.add(event)
    return whole.whole()


def test_events_are_put_together():
    content = [
        {"type": "thinking", "thinking": "First"},
        {"type": "text", "text": "Blue whales eat krill."},
    ]
    reply = READING.reply(gathered(*events(MESSAGE | {"content": content})), REQUEST)
    assert (reply.text, reply.stop_reason) == ("Blue whales eat krill.", "stop")
    assert reply.usage == Usage(input_tokens=7, output_tokens=3)


def test_a_forced_tool_call_may_come_in_pieces():
    content = [{"type": "tool_use", "id": "t", "name": "reply", "input": {"a": "krill"}}]
    message = gathered(*events(MESSAGE | {"content": content, "stop_reason": "tool_use"}))
    assert json.loads(READING.reply(message, ASKED).text) == {"a": "krill"}


def test_a_stream_ends_with_its_end_marker():
    found = events(MESSAGE)
    assert found[-1] == {"type": "message_stop"}
    with pytest.raises(BadReply, match="ended before"):
        gathered(*found[:-1])


@pytest.mark.parametrize(
    "found",
    [
        [],
        [3],
        events(MESSAGE)[1:],
        [{"type": "message_start", "message": "x"}],
        [events(MESSAGE)[0], {"type": "content_block_delta", "index": 0, "delta": {}}],
        [events(MESSAGE)[0], {"type": "content_block_start", "content_block": {}}],
    ],
)
def test_a_stream_that_is_no_reply_is_a_bad_one(found):
    with pytest.raises(BadReply):
        gathered(*found)


# ── whatever comes ───────────────────────────────────────────────────────────────────────────────

KEYS = st.sampled_from(
    "type role model content stop_reason usage text input_tokens message index delta name input "
    "content_block".split()
)
WORDS = st.sampled_from(
    "message assistant claude-x end_turn text tool_use reply message_start message_delta "
    "content_block_start content_block_delta text_delta message_stop".split()
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, ANYTHING, max_size=5))
def test_any_object_is_a_reply_or_a_bad_one(found):
    for attempt in (found, MESSAGE | found):
        with contextlib.suppress(BadReply):
            READING.reply(attempt, ASKED)


@given(st.lists(st.dictionaries(KEYS, ANYTHING, max_size=5), max_size=4))
def test_any_stream_is_a_reply_or_a_bad_one(found):
    with contextlib.suppress(BadReply):
        READING.reply(gathered(events(MESSAGE)[0], *found, {"type": "message_stop"}), ASKED)
