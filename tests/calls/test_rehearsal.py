"""A rehearsed model is asked for real and replies at the likely length, for nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest

from evalkit import scope
from evalkit.calls.rehearsal import (
    JSON_SHARE,
    OTHER_WORDS,
    REASON_WORDS,
    SCHEMA_SHARE,
    RehearsedEmbedder,
    RehearsedModel,
)
from evalkit.judges import questions
from evalkit.judges.wording import draw
from evalkit.pricing import Price, cost_of
from evalkit.providers.scripted import ScriptedModel
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.providers.tokenizer import wordpiece
from evalkit.records import Cost, ModelRequest, Usage

PRICE = Price(input=1.0, output=10.0)
MODEL = RehearsedModel(
    name="openai/m",
    fingerprint="f",
    price=PRICE,
    stand_in=ScriptedModel(lambda request: f"Said of {request.prompt}."),
)

TEXT = {"type": "string"}


def asked(request, model=MODEL):
    async def main():
        with scope.opened("c", 0, "answer") as here:
            return await replace(model, asked=set()).complete(request), here.spend

    return asyncio.run(main())


def filled(schema, prompt="p"):
    return json.loads(asked(ModelRequest(prompt=prompt, schema=schema))[0].text)


def listing(item):
    return {"type": "object", "properties": {"items": {"type": "array", "items": item}}}


def test_a_free_reply_is_the_stand_in_s():
    """Under the remote model's name; nothing of it is billed."""
    reply, spend = asked(ModelRequest(prompt="bees"))
    assert (reply.text, reply.model, reply.latency_s) == ("Said of bees.", "openai/m", 0.0)
    assert (spend.calls, spend.cached_calls, spend.billed) == (1, 0, Cost())
    assert spend.usage == reply.usage


def test_tokens_and_dollars_are_those_of_prompt_system_schema_and_reply():
    """All of it is sent, so all of it costs."""
    count = wordpiece().count
    schema = {"type": "object", "properties": {"reason": TEXT}}
    plain, spend = asked(ModelRequest(prompt="bees", system="Be brief."))
    assert plain.usage.input_tokens == count("Be brief.\nbees\n")
    assert plain.usage.output_tokens == count("Said of bees.")
    assert spend.cold == plain.cost == cost_of(plain.usage, PRICE)
    told, _ = asked(ModelRequest(prompt="bees", system="Be brief.", schema=schema))
    added = told.usage.input_tokens - plain.usage.input_tokens
    assert added == round(SCHEMA_SHARE * count(json.dumps(schema))) > 0
    assert told.usage.output_tokens == round(JSON_SHARE * count(told.text))


def test_no_reply_is_longer_than_it_may_be():
    """A provider stops there, and charges no more."""
    reply, _ = asked(ModelRequest(prompt="bees " * 50, max_output_tokens=7))
    assert reply.usage.output_tokens == 7


def test_a_provider_whose_tokens_are_shorter_counts_more_of_them():
    """Anthropic's: 3.5 characters, where OpenAI's have 4."""
    request = ModelRequest(prompt="Which whales eat krill? " * 20)
    claude = replace(MODEL, name="anthropic/m")
    openai, anthropic = (asked(request, model)[0].usage for model in (MODEL, claude))
    assert anthropic.input_tokens == round(openai.input_tokens * 4 / 3.5)


def test_what_was_asked_before_costs_nothing_again():
    """The real one's reply would be in the cache; another repeat is another draw."""

    async def main():
        model, spends = replace(MODEL, asked=set()), []
        for repeat in (0, 0, 1):
            with scope.opened("c", repeat, "answer") as here:
                await model.complete(ModelRequest(prompt="bees"))
            spends.append(here.spend)
        return spends

    first, second, third = asyncio.run(main())
    assert (second.calls, second.shared_calls) == (1, 1)
    assert (second.usage, second.cold) == (Usage(), Cost())
    assert first.usage == third.usage != Usage()
    assert first.shared_calls == third.shared_calls == 0


def test_a_model_that_prices_itself_rehearses_at_nothing():
    """What a GPU's time will come to is not known before."""
    free = RehearsedModel(name="vllm/m", fingerprint="f", price=None, stand_in=MODEL.stand_in)
    reply, spend = asked(ModelRequest(prompt="bees"), free)
    assert (reply.cost, spend.cold) == (Cost(), Cost())
    assert spend.usage.input_tokens > 0


def test_the_words_of_one_call_in_a_schema_cost_nothing():
    """A hosted model is sent a schema without them; only the rehearsal has them there."""
    open_, closed = ({"type": "object", "properties": {"v": one}}
                     for one in (TEXT, TEXT | {"enum": ["yes", "no"] * 9}))  # fmt: skip
    plain, told = (asked(ModelRequest(prompt="p", schema=one))[0] for one in (open_, closed))
    assert plain.usage.input_tokens == told.usage.input_tokens


def test_every_kind_of_value_is_filled():
    """As a schema names them; a text has as many words as a judge's would."""
    schema = {
        "type": "object",
        "properties": {
            "reason": TEXT, "quote": TEXT, "id": TEXT, "other": TEXT,
            "verdict": {"type": "string", "enum": ["so", "not so"]},
            "sure": {"type": "boolean"}, "score": {"type": "number"},
        },
    }  # fmt: skip
    found = filled(schema)
    words = {key: len(found[key].split()) for key in ("reason", "quote", "id", "other")}
    assert words == {"reason": REASON_WORDS, "quote": OTHER_WORDS, "id": 1, "other": OTHER_WORDS}
    assert (found["verdict"], found["sure"], found["score"]) == ("so", True, 0)


def test_a_list_has_an_entry_for_each_id_asked_about():
    """Verdicts come one a claim."""
    ids = {"type": "string", "enum": ["c1", "c2", "c3"]}
    entry = {"type": "object", "properties": {"id": ids, "reason": TEXT}}
    assert [one["id"] for one in filled(listing(entry))["items"]] == ["c1", "c2", "c3"]


@pytest.mark.parametrize(
    ("prompt", "n"),
    [
        ('answer: "One. Two. Three. Four."', 4),
        ('answer: ""', 1),
        ("no answer is shown", 3),
    ],
)
def test_a_list_without_ids_has_one_a_sentence_of_the_answer(prompt, n):
    """A peer's statements come about one a sentence."""
    entry = {"type": "object", "properties": {"statement": TEXT}}
    assert len(filled(listing(entry), f"Split it.\n{prompt}\nEnd.")["items"]) == n


def test_a_list_of_texts_has_one():
    """The claims of one sentence."""
    assert len(filled(listing(TEXT))["items"]) == 1


FRAME = """\
passage p1: "Krill is small. Whales of all kinds eat krill in the southern seas. It is red."
passage p2: "Bees dance."
claim c1: "Whales eat krill."
claim c2: "Bees do not."
"""


def test_entries_are_made_of_the_texts_they_are_about():
    """So the next question is asked about claims as long as real ones."""
    ids = {"type": "string", "enum": ["c1", "c2"]}
    claims = {"type": "array", "items": TEXT}
    entry = {"type": "object", "properties": {"id": ids, "claims": claims, "reason": TEXT}}
    first, second = filled(listing(entry), FRAME)["items"]
    assert (first["claims"], second["claims"]) == (["Whales eat krill."], ["Bees do not."])
    assert first["reason"].endswith("Whales eat krill. the passage says")
    assert len(first["reason"].split()) == REASON_WORDS


def test_a_quote_is_a_sentence_of_middle_length():
    """Of those in all passages: "Bees dance." < "It is red." < "Krill is small." < the long one."""
    ids = {"type": "string", "enum": ["c1", "c2"]}
    verdict = {"type": "object", "properties": {"id": ids, "context": TEXT, "quote": TEXT}}
    quotes = [one["quote"] for one in filled(listing(verdict), FRAME)["items"]]
    assert quotes == ["Krill is small."] * 2
    bare = {"type": "object", "properties": {"id": ids, "quote": TEXT}}
    quotes = [one["quote"] for one in filled(listing(bare), FRAME)["items"]]
    assert quotes == ["Krill is small.", ""], "half the passages do not help"


@pytest.mark.parametrize("question", questions.QUESTIONS, ids=lambda question: question.ref)
def test_each_question_of_the_judge_gets_an_entry_a_unit(question):
    """Its closed schema has ids and words; the reply has all of the first, one of the second."""
    unit = {"id": "u1", "text": "Krill eat."}
    units = [unit, {**unit, "id": "u2"}]
    given = dict.fromkeys(("question", "answer", "reference"), "Krill eat.")
    data = {
        **{name: given.get(name, units) for name in question.prompt.variables
           if name not in ("nonce", "order") and not name.endswith("_word")},
        **({"count": 2} if "count" in question.prompt.variables else {}),
    }  # fmt: skip
    call = questions.call(
        question, data, draw=draw, ids=("u1", "u2"), attempt=0, tokens=9, closed=True
    )
    reply = json.loads(asked(call.request)[0].text)
    (entries,) = [value for value in reply.values() if isinstance(value, list)]
    assert [entry["id"] for entry in entries] == ["u1", "u2"]
    text = json.dumps(reply)
    assert any(word in text for word in call.meanings)


# ── embeddings ───────────────────────────────────────────────────────────────────────────────────

EMBEDDER = RehearsedEmbedder(
    name="openai/wide", price=Price(input=3.0), batch=2, stand_in=ScriptedEmbedder()
)


def embedded(*texts):
    async def main():
        with scope.opened("c", 0, "ingest") as here:
            return await EMBEDDER.embed(texts), here.spend

    return asyncio.run(main())


def test_texts_are_embedded_by_the_stand_in_and_counted_in_batches():
    """Five texts, one of them twice, two a request: four to send, two requests."""
    vectors, spend = embedded("a", "b", "c", "a", "d")
    assert vectors.shape == (5, EMBEDDER.dimensions)
    assert np.array_equal(vectors[0], vectors[3])
    assert (spend.calls, spend.billed) == (2, Cost())
    assert spend.usage.input_tokens == sum(wordpiece().count(text) for text in "abcd")
    assert spend.cold.usd == pytest.approx(3e-6 * spend.usage.input_tokens)


def test_no_text_is_no_request():
    vectors, spend = embedded()
    assert (len(vectors), spend.calls) == (0, 0)


def test_its_vectors_are_kept_under_another_name_than_the_real_ones():
    """An index of a rehearsal must not be found by the run."""
    assert EMBEDDER.fingerprint == f"rehearsed+{EMBEDDER.stand_in.fingerprint}"
