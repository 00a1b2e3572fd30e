"""Chat completions: what is posted, and what is made of what comes back."""

import contextlib
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import BadReply
from evalkit.providers.chat_completions import Gathered, Reading, body
from evalkit.records import ModelRequest, Usage

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
REQUEST = ModelRequest(prompt="Which whales?", system="Be brief.", max_output_tokens=9)
COMPLETION = {
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Krill."}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3},
}


def asked(request, **how):
    return body(
        request, {"model": "m", "seed": 1},
        **({"output_limit": "max_tokens", "structured": "json_schema"} | how),
    )  # fmt: skip


READING = Reading(model="m")


def read(request=REQUEST, *, reading=READING, message=(), **changes):
    completion = copy.deepcopy(COMPLETION)
    completion["choices"][0] |= {k: v for k, v in changes.items() if k == "finish_reason"}
    completion["choices"][0]["message"] |= dict(message)
    completion |= {k: v for k, v in changes.items() if k != "finish_reason"}
    return reading.reply(completion, request)


def test_a_request_is_system_prompt_and_bound():
    assert asked(REQUEST) == {
        "model": "m",
        "seed": 1,
        "max_tokens": 9,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Which whales?"},
        ],
    }
    plain = asked(ModelRequest(prompt="p"), output_limit="max_completion_tokens")
    assert plain["messages"] == [{"role": "user", "content": "p"}]
    assert plain["max_completion_tokens"] == 512
    assert "max_tokens" not in plain


def test_a_schema_is_a_strict_response_format():
    found = asked(ModelRequest(prompt="p", schema=SCHEMA))
    schema = {"name": "reply", "strict": True, "schema": SCHEMA}
    assert found["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert len(found["messages"]) == 1


@pytest.mark.parametrize(("structured", "mode"), [("json_object", True), ("none", False)])
def test_a_server_without_schemas_is_told_in_words(structured, mode):
    found = asked(ModelRequest(prompt="p", system="s", schema=SCHEMA), structured=structured)
    assert found.get("response_format") == ({"type": "json_object"} if mode else None)
    system = found["messages"][0]["content"]
    assert system.startswith("s\n\nReply with one JSON object")
    assert '"required": ["a"]' in system


def test_the_parts_shared_by_all_requests_are_not_changed():
    fixed = {"model": "m"}
    body(REQUEST, fixed, output_limit="max_tokens", structured="none")
    assert fixed == {"model": "m"}


def test_a_completion_is_text_reason_and_usage():
    found = read(
        usage={
            "prompt_tokens": 7, "completion_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 28},
        }
    )  # fmt: skip
    assert (found.text, found.stop_reason) == ("Krill.", "stop")
    assert found.usage == Usage(input_tokens=7, cached_input_tokens=4, output_tokens=30)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_beside_the_content_is_dropped(field):
    assert read(message={field: "First, whales."}).text == "Krill."


def test_reasoning_inside_the_content_is_dropped():
    assert read(message={"content": "<think>First</think>\nKrill."}).text == "Krill."
    opened = Reading(model="m", opened_reasoning=True)
    assert read(message={"content": "First</think>\nKrill."}, reading=opened).text == "Krill."
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "First"}]},
        {"type": "text", "text": "Krill."},
    ]
    assert read(message={"content": parts}).text == "Krill."


def test_a_refusal_is_its_own_end():
    found = read(message={"content": None, "refusal": "I will not."})
    assert (found.text, found.stop_reason) == ("I will not.", "refusal")


@pytest.mark.parametrize(
    ("reason", "stop_reason"), [("length", "length"), ("content_filter", "refusal")]
)
def test_nothing_may_be_said_before_a_limit_or_a_filter(reason, stop_reason):
    found = read(message={"content": None}, finish_reason=reason)
    assert (found.text, found.stop_reason) == ("", stop_reason)


def test_empty_text_is_an_answer_and_no_text_is_none():
    assert read(message={"content": ""}).text == ""
    with pytest.raises(BadReply, match="no text but nothing"):
        read(message={"content": None})


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "other"},
        {"choices": None},
        {"choices": []},
        {"choices": COMPLETION["choices"] * 2},
        {"choices": ["Krill."]},
        {"choices": [{"message": "Krill.", "finish_reason": "stop"}]},
        {"finish_reason": None},
        {"finish_reason": "tool_calls"},
        {"finish_reason": ["stop"]},
        {"message": {"content": 3}},
        {"message": {"refusal": 3}},
        {"message": {"content": [{"type": "image_url"}]}},
        {"message": {"content": ["Krill."]}},
    ],
)
def test_what_is_not_one_answer_is_a_bad_reply(changes):
    with pytest.raises(BadReply):
        read(**changes)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"prompt_tokens": 7},
        {"prompt_tokens": -7, "completion_tokens": 3},
        {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": [4]},
        {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}},
    ],
)
def test_usage_that_cannot_be_is_unknown(usage):
    assert read(usage=usage).usage is None


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


def chunk(finish_reason=None, usage=None, **delta):
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return {"model": "m", "choices": choices} | ({"usage": usage} if usage else {})


def gathered(*chunks):
    found = Gathered()
    for one in chunks:
        found.add(one)
    return found.completion()


def test_chunks_are_put_together():
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    found = gathered(
        chunk(role="assistant", content=""), chunk(reasoning_content="First"),
        chunk(content="Kri"), chunk(content="ll."), chunk("stop"),
        {"model": "m", "choices": [], "usage": usage},
    )  # fmt: skip
    reply = Reading(model="m").reply(found, REQUEST)
    assert (reply.text, reply.stop_reason) == ("Krill.", "stop")
    assert reply.usage == Usage(input_tokens=7, output_tokens=3)


def test_content_in_parts_may_come_in_pieces():
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "ll."}]
    found = gathered(chunk(content="Kri"), chunk(content=parts), chunk("stop"))
    assert Reading(model="m").reply(found, REQUEST).text == "Krill."


def test_a_refusal_may_come_in_pieces():
    found = gathered(chunk(refusal="I will"), chunk(refusal=" not."), chunk("stop"))
    reply = Reading(model="m").reply(found, REQUEST)
    assert (reply.text, reply.stop_reason) == ("I will not.", "refusal")


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [chunk(content="Krill.")],
        [3],
        [{"choices": [{"index": 1, "delta": {}}]}],
        [{"choices": [{"index": 0, "delta": "Krill."}]}],
        [chunk(content=3), chunk("stop")],
    ],
)
def test_a_stream_that_is_no_reply_is_a_bad_one(chunks):
    with pytest.raises(BadReply):
        gathered(*chunks)


def test_a_stream_without_any_text_is_no_answer():
    with pytest.raises(BadReply):
        Reading(model="m").reply(gathered(chunk("stop")), REQUEST)


# ── whatever comes ───────────────────────────────────────────────────────────────────────────────

KEYS = st.sampled_from(
    "model choices message content finish_reason usage prompt_tokens delta index refusal "
    "prompt_tokens_details type text".split()
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["m", "stop", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, ANYTHING, max_size=5))
def test_any_object_is_a_reply_or_a_bad_one(found):
    for attempt in (found, COMPLETION | found):
        with contextlib.suppress(BadReply):
            Reading(model="m").reply(attempt, REQUEST)


@given(st.lists(st.dictionaries(KEYS, ANYTHING, max_size=5), max_size=3))
def test_any_stream_is_a_reply_or_a_bad_one(chunks):
    with contextlib.suppress(BadReply):
        Reading(model="m").reply(gathered(*chunks, chunk("stop")), REQUEST)
