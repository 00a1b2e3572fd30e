"""One question's way through the pipeline: what is guarded, shown, counted and listed."""

import asyncio
from dataclasses import dataclass

import pytest

from evalkit.errors import ConfigError, RateLimited
from evalkit.providers.scripted import ScriptedModel
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.rag.chunkers.sentences import SentenceChunker
from evalkit.rag.indexes.flat import FlatIndex
from evalkit.rag.pipeline import REFUSAL, RagConfig, RagPipeline
from evalkit.rag.protocol import Guarded
from evalkit.rag.retrievers.bm25 import Bm25Search
from evalkit.records import Document, GuardrailEvent, Prompt

DOCUMENTS = [
    Document(id="w", title="Whales", text="Blue whales feed on krill."),
    Document(id="s", title="Sharks", text="Sharks feed on blue fish and squid."),
    Document(id="p", title="Paris", text="Paris is in France."),
]
ALL = "{% for p in passages %}[{{ p.rank }}] {{ p.title }} {{ p.text }}\n{% endfor %}{{ question }}"
FIRST = "{{ passages[0].text }}\n{{ question }}"
STAGES = ["guard_input", "retrieve", "guard_documents", "prompt", "generate", "guard_output"]


def prompt(template):
    return Prompt(
        name="p", version=1, purpose="", variables=("passages", "question"), output_contract="",
        why="", template=template, digest=template,
    )  # fmt: skip


@dataclass
class Rule:
    """A guardrail from a function of text and stage; it notes what it saw."""

    function: object
    name: str = "rule"

    def guard(self, text, *, stage, subject=""):
        kept = self.function(text, stage)
        if kept == text:
            return Guarded(text=text)
        event = GuardrailEvent(
            guardrail=self.name, stage=stage, action="redacted", reason="", subject=subject
        )
        return Guarded(text=kept, events=(event,))


def pipeline(template=ALL, function=lambda request: "Krill.", guardrails=(), **options):
    config = RagConfig(
        prompt=prompt(template), chunker=SentenceChunker(), index=FlatIndex(),
        retriever=Bm25Search(), guardrails=tuple(guardrails), **options,
    )  # fmt: skip
    return RagPipeline(config, generator=ScriptedModel(function), embedder=ScriptedEmbedder())


def answered(question="What do blue whales feed on?", documents=DOCUMENTS, **options):
    async def run():
        made = pipeline(**options)
        await made.ingest(documents)
        return await made.answer(question)

    return asyncio.run(run())


def shown(**options):
    """The rendered prompt, as a generator that repeats it gives it back."""
    return answered(function=lambda request: request.prompt, **options).text


def test_an_answer_says_how_it_came_about():
    answer = answered()
    assert answer.text == "Krill."
    assert [p.document_id for p in answer.passages] == ["w", "s"]  # Paris shares no word
    assert answer.retrieved == answer.passages
    assert answer.prompt == "p@1"
    assert shown().startswith("[1] Whales Blue whales feed on krill.\n[2] Sharks")
    assert answer.usage.output_tokens == 3  # k ##rill .
    assert [name for name, _ in answer.stage_latency_s] == STAGES
    assert answer.latency_s == pytest.approx(sum(s for _, s in answer.stage_latency_s))


def test_a_passage_the_prompt_leaves_out_is_not_listed():
    answer = answered(template=FIRST)
    assert [p.document_id for p in answer.passages] == ["w"]
    assert [p.document_id for p in answer.retrieved] == ["w", "s"]


def test_a_blocked_question_reaches_nothing():
    def never(request):
        raise AssertionError

    rule = Rule(lambda text, stage: None if stage == "input" else text)
    answer = answered(guardrails=[rule], function=never)
    assert (answer.text, answer.passages, answer.retrieved, answer.prompt) == (REFUSAL, (), (), "")
    assert [name for name, _ in answer.stage_latency_s] == ["guard_input"]
    assert [event.stage for event in answer.events] == ["input"]


def test_a_dropped_passage_is_retrieved_but_not_shown():
    rule = Rule(lambda text, stage: None if stage == "document" and "squid" in text else text)
    answer = answered(guardrails=[rule])
    assert [p.document_id for p in answer.passages] == ["w"]
    assert "squid" not in shown(guardrails=[rule])
    assert [(event.stage, event.subject) for event in answer.events] == [("document", "s")]


def test_a_title_is_guarded_like_the_text():
    rule = Rule(lambda text, stage: None if stage == "document" and text == "Sharks" else text)
    assert "Sharks" in shown()
    assert "Sharks" not in shown(guardrails=[rule])


def test_a_redacted_passage_is_listed_as_the_prompt_shows_it():
    rule = Rule(lambda text, stage: text.replace("krill", "█") if stage == "document" else text)
    answer = answered(guardrails=[rule])
    assert answer.passages[0].text == "Blue whales feed on █."
    assert answer.retrieved[0].text == "Blue whales feed on krill."
    assert "krill" not in shown(guardrails=[rule])


def test_the_second_guardrail_sees_what_the_first_left():
    first = Rule(lambda text, stage: text.replace("krill", "plankton"))
    second = Rule(lambda text, stage: None if "plankton" in text else text)
    assert [p.document_id for p in answered(guardrails=[first, second]).passages] == ["s"]


def test_a_blocked_reply_is_a_refusal_that_keeps_its_cost():
    rule = Rule(lambda text, stage: None if stage == "output" else text)
    answer = answered(guardrails=[rule])
    assert answer.text == REFUSAL
    assert answer.usage.output_tokens > 0


@pytest.mark.parametrize(
    ("stage", "action"), [("input", "blocked"), ("document", "dropped"), ("output", "blocked")]
)
def test_a_guardrail_that_raises_fails_closed(stage, action):
    def broken(text, at):
        if at == stage:
            raise KeyError("secret detail")
        return text

    answer = answered(guardrails=[Rule(broken)])
    assert {(event.stage, event.action) for event in answer.events} == {(stage, action)}
    assert answer.events[0].reason == "the guardrail raised KeyError"
    assert answer.passages == () or stage == "output"
    assert (answer.text == REFUSAL) == (stage != "document")


def test_a_provider_error_keeps_its_type_and_names_the_stage():
    def limited(request):
        raise RateLimited("slow down")

    with pytest.raises(RateLimited) as caught:
        answered(function=limited)
    assert caught.value.__notes__ == ["stage: generate"]


def test_a_question_before_the_documents_is_refused():
    with pytest.raises(RuntimeError, match="ingest"):
        asyncio.run(pipeline().answer("What?"))


@pytest.mark.parametrize("documents", [[], [Document(id="e", text=" ")]])
def test_a_corpus_without_text_is_refused(documents):
    with pytest.raises(ConfigError, match="no text to retrieve"):
        answered(documents=documents)


@pytest.mark.parametrize("options", [{"k": 0}, {"max_output_tokens": 0}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValueError, match="at least 1"):
        pipeline(**options)


# ── answering from given passages ────────────────────────────────────────────────────────────────


def from_given(passages, question="What do blue whales feed on?", **options):
    return asyncio.run(pipeline(**options).answer_from(question, passages))


def test_passages_that_are_given_are_answered_from_like_found_ones():
    """No documents are ingested, nothing is searched; all else is the same answer."""
    found = answered()
    given = from_given(found.retrieved)
    assert (given.text, given.passages, given.retrieved) == (
        found.text, found.passages, found.retrieved,
    )  # fmt: skip
    assert [name for name, _ in given.stage_latency_s] == [s for s in STAGES if s != "retrieve"]


def test_given_passages_are_guarded_like_found_ones():
    rule = Rule(lambda text, stage: text.replace("krill", "█") if stage == "document" else text)
    given = from_given(answered().retrieved, guardrails=[rule], function=lambda r: r.prompt)
    assert "krill" not in given.text
    assert given.retrieved[0].text == "Blue whales feed on krill."


def test_a_blocked_question_is_refused_whatever_is_given():
    rule = Rule(lambda text, stage: None if stage == "input" else text)
    given = from_given(answered().retrieved, guardrails=[rule])
    assert (given.text, given.retrieved) == (REFUSAL, ())


def test_what_answers_is_named_apart_from_what_finds():
    """k and the chunks are the search's; prompt, length, guardrails and model are not."""
    same = [pipeline(), pipeline(k=3)]
    others = [pipeline(template=FIRST), pipeline(max_output_tokens=9),
              pipeline(guardrails=[Rule(None)])]  # fmt: skip
    assert len({made.answering for made in same}) == 1
    assert len({made.answering for made in (same[0], *others)}) == 4
    louder = RagPipeline(
        pipeline().config, generator=ScriptedModel(str, name="other"), embedder=ScriptedEmbedder()
    )
    assert louder.answering != same[0].answering


def test_the_fingerprint_covers_what_shapes_an_answer():
    others = [
        pipeline(), pipeline(template=FIRST), pipeline(k=3), pipeline(max_output_tokens=9),
        pipeline(guardrails=[Rule(None)]),
    ]  # fmt: skip
    assert len({made.fingerprint for made in others}) == len(others)
    assert pipeline().fingerprint == others[0].fingerprint
