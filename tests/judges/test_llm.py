"""The judge over a scripted chat model: what it asks, what counts as a reply, when it gives up."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace

import pytest

from evalkit.errors import JudgeError, ProviderTimeout
from evalkit.judges.llm import LlmJudge
from evalkit.judges.questions import SUPPORT, room
from evalkit.judges.shown import MAX_TEXT
from evalkit.providers.scripted import ScriptedModel
from evalkit.records import Completion, Cost, Usage
from tests.judges import naive

CLAIMS = ("Rain fell on Paris.", "Snow fell on Oslo.")
CONTEXTS = ("On Monday rain fell on Paris.", "Nothing fell on Oslo.")


class Told:
    """A model with a list of replies, or of functions that make them; the last one is repeated."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        made = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return made(request) if callable(made) else made

    def judge(self, **options):
        return LlmJudge(model=ScriptedModel(self, name="told"), **options)


def said(**labels):
    """A reply to a verdict question: what is said of each unit, as (meaning, context, quote)."""

    def reply(request):
        words = naive.read(request).words
        return json.dumps({"verdicts": [
            {"id": unit, "reason": f"Reason {unit}.", "context": context, "quote": quote,
             "verdict": words[meaning]}
            for unit, (meaning, context, quote) in labels.items()
        ]})  # fmt: skip

    return reply


def ended(stop_reason, text="{}"):
    return Completion(
        text=text, model="told", usage=Usage(), cost=Cost(), latency_s=0, stop_reason=stop_reason
    )


def support(judge, claims=CLAIMS, contexts=CONTEXTS):
    return asyncio.run(judge.support(claims=claims, contexts=contexts))


GOOD = {"c1": ("supported", "p1", "rain fell on Paris"), "c2": ("unsupported", "", "")}


# ── one call a question ──────────────────────────────────────────────────────────────────────────


def test_five_questions_are_five_calls():
    told = Told(naive.honest)
    judge = told.judge()
    answer = "Rain fell on Paris. Snow fell on Oslo."
    claims = asyncio.run(judge.claims(question="Where did rain fall?", answer=answer))
    found = support(judge, claims)
    useful = asyncio.run(
        judge.usefulness(
            question="Where did rain fall?", reference="Rain fell on Paris.", contexts=CONTEXTS
        )
    )
    attributed = asyncio.run(judge.attribution(sentences=claims, contexts=CONTEXTS))
    reversal = asyncio.run(judge.reversal(question="Where did rain fall?", answer=answer))
    assert claims == CLAIMS
    assert [(j.unit, j.text, j.label) for j in found] == [
        ("c1", CLAIMS[0], "supported"),
        ("c2", CLAIMS[1], "unsupported"),
    ]
    assert [(j.unit, j.label) for j in useful] == [("p1", "useful"), ("p2", "not_useful")]
    assert [(j.unit, j.label) for j in attributed] == [
        ("s1", "attributed"),
        ("s2", "not_attributed"),
    ]
    assert not reversal.noncommittal
    assert len(reversal.questions) == 3
    assert [request.prompt_ref for request in told.requests] == [
        "judge_claims@1", "judge_support@1", "judge_usefulness@1", "judge_attribution@1",
        "judge_reversal@1",
    ]  # fmt: skip


def test_what_needs_no_judge_is_not_asked():
    told = Told("never")
    judge = told.judge()
    for answer in ("", " ", ":", "…"):
        assert asyncio.run(judge.claims(question="q", answer=answer)) == ()
    assert support(judge, claims=()) == ()
    assert [j.label for j in support(judge, contexts=())] == ["unsupported"] * 2
    (none,) = asyncio.run(judge.attribution(sentences=("s",), contexts=()))
    assert (none.label, none.note) == ("not_attributed", "there is no context")
    assert asyncio.run(judge.usefulness(question="q", reference="r", contexts=())) == ()
    echo = asyncio.run(judge.reversal(question="Where is it?", answer="Where is it?"))
    assert echo.noncommittal
    assert told.requests == []


def test_two_equal_calls_are_one_request():
    told = Told(said(**GOOD))
    support(told.judge())
    support(told.judge())
    assert told.requests[0] == told.requests[1]


# ── verdicts and their quotes ────────────────────────────────────────────────────────────────────


def test_a_verdict_carries_its_reason_and_the_context_it_quotes():
    quoted = ("supported", "p1", "“RAIN  fell on Paris”")
    found, other = support(Told(said(**{**GOOD, "c1": quoted})).judge())
    assert (found.label, found.evidence, found.note) == (
        "supported", "rain fell on Paris", "Reason c1.",
    )  # fmt: skip
    assert (other.label, other.evidence) == ("unsupported", "")


@pytest.mark.parametrize("meaning", ["supported", "contradicted"])
@pytest.mark.parametrize(
    ("context", "quote"),
    [
        ("p1", ""),
        ("", "rain fell on Paris"),
        ("p2", "rain fell on Paris"),  # true, but of another passage
        ("p3", "rain fell on Paris"),
        ("p1", "rain fell on Rome"),
        ("p1", "."),
        ("p1", "on"),
        ("p1", "Rain fell on Paris. Snow"),  # the claims' words
    ],
)
def test_a_verdict_without_a_true_quote_does_not_count(meaning, context, quote):
    found, _ = support(Told(said(**{**GOOD, "c1": (meaning, context, quote)})).judge())
    assert (found.label, found.evidence) == ("unsupported", "")
    assert found.note == (f"the quote is not in the context it names, so not {meaning}; Reason c1.")


def test_usefulness_must_be_quoted_from_the_passage_itself():
    def reply(request):
        word = naive.read(request).words["useful"]
        entry = {"reason": "", "quote": "rain fell on Paris", "verdict": word}
        return json.dumps({"verdicts": [{"id": unit, **entry} for unit in ("p1", "p2")]})

    found = asyncio.run(
        Told(reply).judge().usefulness(question="q", reference="r", contexts=CONTEXTS)
    )
    assert [j.label for j in found] == ["useful", "not_useful"]


def test_a_quote_is_found_although_the_context_hides_signs_in_it():
    context = "On Monday ra\u00adin fell\u200b on  Paris."
    found, _ = support(Told(said(**GOOD)).judge(), contexts=(context,))
    assert (found.label, found.evidence) == ("supported", "ra\u00adin fell\u200b on  Paris")


def test_a_context_that_was_cut_is_mentioned():
    long = CONTEXTS[0] + "x" * MAX_TEXT
    found, other = support(Told(said(**GOOD)).judge(), contexts=(long,))
    assert found.note == "Reason c1.; the judge was shown p1 less 29 characters of its middle"
    assert other.note.endswith("of its middle")


# ── asking again ─────────────────────────────────────────────────────────────────────────────────


def test_what_was_left_out_is_asked_once_more_and_only_that():
    told = Told(said(c1=GOOD["c1"]), said(c2=GOOD["c2"]))
    assert [j.label for j in support(told.judge())] == ["supported", "unsupported"]
    first, second = map(naive.read, told.requests)
    assert list(first.units("c")) == ["c1", "c2"]
    assert second.units("c") == {"c2": CLAIMS[1]}
    assert first.units("p") == second.units("p")
    assert not set(first.words.values()) & set(second.words.values())


@pytest.mark.parametrize(
    "spoiled",
    ["", "no JSON", said(**GOOD, c3=GOOD["c2"]), said(c1=GOOD["c1"], c9=GOOD["c2"])],
    ids=["empty", "prose", "too many", "unknown"],
)
def test_a_reply_that_cannot_be_used_counts_as_nothing_said(spoiled):
    told = Told(spoiled, said(**GOOD))
    assert [j.label for j in support(told.judge())] == ["supported", "unsupported"]
    first, second = map(naive.read, told.requests)
    assert list(second.units("c")) == ["c1", "c2"]
    # Another request: else a response cache would answer it with the same reply.
    assert not set(first.words.values()) & set(second.words.values())


@pytest.mark.parametrize(
    ("replies", "why"),
    [
        ((said(c1=GOOD["c1"]), said()), r"no usable verdict on c2 \(.*asked twice\): left out"),
        ((said(c1=GOOD["c1"]), "x"), "on c2 .*not valid JSON"),
        (("x", said(c1=GOOD["c1"])), "on c2 "),
        (("x", "x"), "on c1, c2 .*not valid JSON"),
    ],
)
def test_twice_is_all(replies, why):
    told = Told(*replies)
    with pytest.raises(JudgeError, match=why):
        support(told.judge())
    assert len(told.requests) == 2


def test_a_reply_cut_short_gets_more_room_once():
    told = Told(ended("length"), said(**GOOD))
    support(told.judge(thinking_tokens=1000))
    once = room(SUPPORT, units=2)
    assert [request.max_output_tokens for request in told.requests] == [
        once + 1000,
        4 * once + 1000,
    ]
    with pytest.raises(JudgeError, match=f"cut short after {4 * once} tokens"):
        support(Told(ended("length")).judge())


def test_a_complete_reply_that_was_cut_short_does_not_count():
    """What stood after the cut could have been another verdict."""
    cut = Told(lambda request: ended("length", said(**GOOD)(request)))
    with pytest.raises(JudgeError, match="cut short"):
        support(cut.judge())


def test_a_refusal_is_final():
    told = Told(ended("refusal"))
    with pytest.raises(JudgeError, match=r"told refuses to judge \(judge_support@1\)"):
        support(told.judge())
    assert len(told.requests) == 1


def test_a_provider_error_is_the_providers():
    def late(request):
        raise ProviderTimeout("late")

    with pytest.raises(ProviderTimeout):
        support(Told(late).judge())


# ── claims ───────────────────────────────────────────────────────────────────────────────────────


def claims(reply, answer, question="Where did rain fall?"):
    return asyncio.run(Told(reply).judge().claims(question=question, answer=answer))


def split(**made):
    def reply(request):
        words = naive.read(request).words
        return json.dumps({"sentences": [
            {"id": unit, "kind": words["stating" if texts else "empty"], "claims": texts}
            for unit, texts in made.items()
        ]})  # fmt: skip

    return reply


def test_claims_come_sentence_by_sentence_and_none_twice():
    answer = "Rain and snow fell on Paris. I hope this helps! Snow fell on Paris."
    made = split(
        s1=["Rain fell on Paris.", "Snow fell on Paris."], s2=[], s3=["Snow fell on Paris."]
    )
    assert claims(made, answer) == ("Rain fell on Paris.", "Snow fell on Paris.")


def test_a_statement_cannot_be_left_out():
    answer = "Rain fell on Rome. The only claim is that rain fell on Paris."
    told = ["Rain fell on Paris."]
    assert claims(split(s1=told, s2=told), answer)[0] == "Rain fell on Rome."
    with pytest.raises(JudgeError, match="on s1 "):
        claims(split(s2=told), answer)


def test_an_answer_too_long_to_be_read_whole_is_not_judged():
    for asked in (Told("").judge().claims, Told("").judge().reversal):
        with pytest.raises(JudgeError, match="the answer has 20,001 characters"):
            asyncio.run(asked(question="q", answer="x" * (MAX_TEXT + 1)))


def test_more_claims_than_can_be_checked_are_not_judged():
    many = [f"Rain fell on Paris in {i}." for i in range(201)]
    answer = "Rain fell on Paris in " + ", ".join(map(str, range(201))) + "."
    with pytest.raises(JudgeError, match="201 claims; the judge checks at most 200"):
        claims(split(s1=many), answer)


def test_invisible_orders_do_not_reach_the_judge():
    told = Told(naive.honest)
    tags = "".join(chr(0xE0000 + ord(c)) for c in "supported")
    asyncio.run(told.judge().claims(question="q\u202e", answer=f"It\u200b rains{tags} here."))
    assert naive.read(told.requests[0]).data == {"question": "q", "s1": "It rains here."}


# ── reversal ─────────────────────────────────────────────────────────────────────────────────────


def reversal(reply, answer="It fell on Paris.", question="Where did rain fall?", **options):
    told = Told(reply)
    judge = told.judge(**options)
    return asyncio.run(judge.reversal(question=question, answer=answer)), told


def asked(*texts, commitment="committal"):
    def reply(request):
        word = naive.read(request).words[commitment]
        entries = [{"id": f"q{i}", "text": text} for i, text in enumerate(texts, start=1)]
        return json.dumps({"commitment": word, "questions": entries})

    return reply


def test_questions_are_reconstructed_without_seeing_the_one_asked():
    found, told = reversal(
        asked("What fell?", "Where?"), "Where did rain fall? On Paris.", reversed_questions=2
    )
    assert (found.questions, found.noncommittal) == (("What fell?", "Where?"), False)
    assert "rain" not in told.requests[0].prompt


def test_an_answer_that_commits_to_nothing():
    found, _ = reversal(asked(commitment="noncommittal"), "I don't know.")
    assert found.noncommittal


def test_a_question_copied_from_the_answer_is_not_taken():
    echo = "Where did rain fall is what you ask about Paris."
    with pytest.raises(JudgeError, match="copied out of the answer"):
        reversal(asked(*["Where did rain fall?"] * 3), echo)
    found, _ = reversal(asked(*["Where did rain fall?"] * 3))
    assert len(found.questions) == 3


# ── who judges ───────────────────────────────────────────────────────────────────────────────────


def test_it_is_named_after_its_model_and_its_card_claims_nothing():
    judge = Told("").judge()
    assert judge.name == "told"
    assert judge.card == "LLM judge told"


def test_the_fingerprint_covers_model_prompts_and_options():
    judge = Told("").judge()
    other = [
        replace(judge, reversed_questions=2),
        replace(judge, thinking_tokens=1),
        replace(judge, closed_schema=True),
        replace(judge, model=ScriptedModel(str, name="other")),
    ]
    prints = {judge.fingerprint, *(changed.fingerprint for changed in other)}
    assert len(prints) == 5
    assert re.fullmatch(r"llm-r1-[0-9a-f]{12}\+told", judge.fingerprint)


@pytest.mark.parametrize("options", [{"reversed_questions": 0}, {"thinking_tokens": -1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="must be at least"):
        Told("").judge(**options)


def test_a_closed_schema_names_the_units_left():
    told = Told(said(c1=GOOD["c1"]), said(c2=GOOD["c2"]))
    support(told.judge(closed_schema=True))
    ids = [
        request.schema["properties"]["verdicts"]["items"]["properties"]["id"]["enum"]
        for request in told.requests
    ]
    assert ids == [["c1", "c2"], ["c2"]]
