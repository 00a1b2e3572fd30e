"""Oracle: on identical judge replies evalkit's four metrics are RAGAS 0.4.3's.

RAGAS runs as it is, on a judge of its own base class that replays a drawn case; evalkit's metrics
run on a judge that says the same. Wherever RAGAS gives a number and no departure below applies,
the two are equal to 1e-9. The departures follow, each with what RAGAS gives and what evalkit does.
"""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import dataclass

import numpy as np
import pytest
from ragas.embeddings.base import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.metrics import collections
from ragas.metrics.collections.answer_relevancy.util import AnswerRelevanceOutput
from ragas.metrics.collections.context_precision.util import ContextPrecisionOutput
from ragas.metrics.collections.context_recall.util import ContextRecallOutput
from ragas.metrics.collections.faithfulness.util import (
    NLIStatementOutput,
    StatementGeneratorOutput,
)

from evalkit.judges.protocol import Reversal
from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.answer_relevancy import AnswerRelevancy
from evalkit.metrics.context_precision import ContextPrecision
from evalkit.metrics.context_recall import ContextRecall
from evalkit.metrics.faithfulness import Faithfulness
from evalkit.metrics.protocol import Instruments
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Answer, Case, Judgement, Passage, Score, Unscored
from evalkit.text import sentences

SEED = 20261122
CASES = 300
EQUAL = 1e-9
QUESTION = "Where does the river rise?"
METRICS = ("faithfulness", "answer_relevancy", "context_precision", "context_recall")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a judge says of one case: the common ground of both sides."""

    claims: tuple[tuple[str, bool], ...]
    chunks: tuple[tuple[str, bool], ...]
    sentences: tuple[tuple[str, bool], ...]
    questions: tuple[tuple[str, bool], ...]
    """Each with whether it is held up, useful, attributed, noncommittal."""
    vectors: dict[str, tuple[float, ...]]

    @property
    def contexts(self):
        return tuple(text for text, _ in self.chunks)

    @property
    def case(self):
        reference = " ".join(text for text, _ in self.sentences)
        return Case(id="c", input=QUESTION, references=(reference,))

    @property
    def answer(self):
        found = tuple(
            Passage(document_id=f"d{i}", chunk_id=f"d{i}#0", text=text, rank=i, similarity=1 / i)
            for i, text in enumerate(self.contexts, start=1)
        )
        return Answer(text=" ".join(text for text, _ in self.claims) or "So.", passages=found)


def drawn(seed):
    rng = random.Random(seed)

    def some(what, most):
        ways = rng.choice([lambda: True, lambda: False, *[lambda: rng.random() < 0.5] * 4])
        return tuple((f"{what} number {i} holds.", ways()) for i in range(rng.randint(1, most)))

    questions = tuple((text, flag) for text, flag in some("Which question", 3))
    if rng.random() < 0.8:  # else now and then all of them are noncommittal
        questions = tuple((text, False) for text, _ in questions)
    texts = (QUESTION, *(text for text, _ in questions))
    # Near the question more often than not, as real ones are; some means are negative all the same.
    base = np.array([rng.gauss(0, 1) for _ in range(8)])
    vectors = {
        text: tuple(base * rng.choice([1.0, 1.0, 0.3, -0.2]) + [rng.gauss(0, 0.7) for _ in base])
        for text in texts
    }
    return Drawn(
        claims=some("Claim", 6),
        chunks=some("Passage", 6),
        sentences=some("Sentence", 5),
        questions=questions,
        vectors=vectors | {QUESTION: tuple(base)},
    )


# ── one side: RAGAS as it is ─────────────────────────────────────────────────────────────────────


class RagasJudge(InstructorBaseRagasLLM):
    """Says what was drawn, in RAGAS's reply classes."""

    def __init__(self, case):
        self.case = case
        self.asked = 0

    def generate(self, prompt, response_model):
        raise NotImplementedError

    async def agenerate(self, prompt, response_model):
        said = self.said(response_model)
        self.asked += 1
        return response_model.model_validate(said)

    def said(self, model):
        case, at = self.case, self.asked
        if model is StatementGeneratorOutput:
            return {"statements": [text for text, _ in case.claims]}
        if model is NLIStatementOutput:
            rows = [{"statement": t, "reason": "", "verdict": int(v)} for t, v in case.claims]
            return {"statements": rows}
        if model is AnswerRelevanceOutput:
            text, noncommittal = case.questions[at]
            return {"question": text, "noncommittal": int(noncommittal)}
        if model is ContextPrecisionOutput:
            return {"reason": "", "verdict": int(case.chunks[at][1])}
        assert model is ContextRecallOutput
        rows = [{"statement": t, "reason": "", "attributed": int(v)} for t, v in case.sentences]
        return {"classifications": rows}


class RagasVectors(BaseRagasEmbedding):
    def __init__(self, embedder):
        super().__init__()
        self.embedder = embedder

    def embed_text(self, text, **_):
        raise NotImplementedError

    async def aembed_text(self, text, **_):
        return (await self.embedder.embed([text]))[0].tolist()


def by_ragas(name, case, *, judge=None, contexts=None, response=None):
    """RAGAS's number for a drawn case; what it raises it raises."""
    judge = judge or RagasJudge(case)
    contexts = list(case.contexts) if contexts is None else contexts
    response = case.answer.text if response is None else response
    common = {"user_input": QUESTION}
    if name == "faithfulness":
        metric = collections.Faithfulness(llm=judge)
        given = {"response": response, "retrieved_contexts": contexts}
    elif name == "answer_relevancy":
        vectors = RagasVectors(embedder_of(case))
        metric = collections.AnswerRelevancy(
            llm=judge, embeddings=vectors, strictness=len(case.questions)
        )
        given = {"response": response}
    else:
        classes = {"context_precision": "ContextPrecision", "context_recall": "ContextRecall"}
        metric = getattr(collections, classes[name])(llm=judge)
        given = {"reference": case.case.references[0], "retrieved_contexts": contexts}
    return float(asyncio.run(metric.ascore(**common, **given)).value)


# ── the other side: evalkit's metrics ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnJudge(ScriptedJudge):
    """Says what was drawn, in evalkit's words, with a quote that stands in a passage."""

    case: Drawn
    quote: str | None = None

    async def claims(self, *, question, answer):
        return tuple(text for text, _ in self.case.claims)

    async def support(self, *, claims, contexts):
        assert list(claims) == [text for text, _ in self.case.claims]
        wrong = ("contradicted", "unsupported")
        return tuple(
            self._judged(f"c{i}", t, "supported" if ok else wrong[i % 2])
            for i, (t, ok) in enumerate(self.case.claims)
        )

    async def usefulness(self, *, question, reference, contexts):
        assert contexts == self.case.contexts
        return tuple(
            self._judged(f"p{i}", t, "useful" if ok else "not_useful")
            for i, (t, ok) in enumerate(self.case.chunks)
        )

    async def attribution(self, *, sentences, contexts):
        assert list(sentences) == [text for text, _ in self.case.sentences]
        return tuple(
            self._judged(f"s{i}", t, "attributed" if ok else "not_attributed")
            for i, (t, ok) in enumerate(self.case.sentences)
        )

    async def reversal(self, *, question, answer):
        asked = self.case.questions
        noncommittal = bool(asked) and all(flag for _, flag in asked)
        return Reversal(questions=tuple(t for t, _ in asked), noncommittal=noncommittal)

    def _judged(self, unit, text, label):
        quote = self.case.contexts[0][:12] if self.quote is None else self.quote
        good = label in {"supported", "attributed", "useful"}
        return Judgement(unit=unit, text=text, label=label, evidence=quote if good else "")


OURS = {
    "faithfulness": Faithfulness(),
    "answer_relevancy": AnswerRelevancy(),
    "context_precision": ContextPrecision(),
    "context_recall": ContextRecall(),
}


def embedder_of(case):
    return ScriptedEmbedder(dimensions=8, given=case.vectors)


def by_evalkit(name, case, *, judge=None, changed_case=None, answer=None):
    tools = Instruments(judge=judge or DrawnJudge(case=case), embedder=embedder_of(case))
    asked = OURS[name].score(
        changed_case or case.case, answer or case.answer, repeat=0, instruments=tools
    )
    return asyncio.run(asked)


# ── parity ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def cases():
    return [drawn(SEED + i) for i in range(CASES)]


def test_the_drawn_cases_cover_what_there_is(cases):
    """Every size there is to draw, unanimous verdicts both ways, and a clamped cosine or more."""
    for units, most in (("claims", 6), ("chunks", 6), ("sentences", 5), ("questions", 3)):
        drawn_units = [getattr(case, units) for case in cases]
        assert {len(found) for found in drawn_units} == set(range(1, most + 1))
        assert any(all(flag for _, flag in found) for found in drawn_units)
        assert any(not any(flag for _, flag in found) for found in drawn_units)
    for case in cases:  # both sides count the same sentences
        assert len(sentences(case.case.references[0])) == len(case.sentences)


@pytest.mark.parametrize("name", METRICS)
def test_wherever_ragas_gives_a_number_evalkit_gives_the_same(name, cases):
    compared = 0
    for case in cases:
        theirs, ours = by_ragas(name, case), by_evalkit(name, case)
        assert isinstance(ours, Score)
        if theirs < 0:  # a departure, tested below
            assert name == "answer_relevancy"
            assert ours.value == 0.0
            continue
        assert abs(ours.value - theirs) < EQUAL, (case, ours.value, theirs)
        compared += 1
    assert compared >= 200


def test_the_oracle_can_tell_a_difference(cases):
    """One verdict turned on one side only moves the number by far more than the tolerance."""
    for case in cases[:20]:
        (text, ok), *rest = case.claims
        other = Drawn(**(vars(case) | {"claims": ((text, not ok), *rest)}))
        assert abs(by_evalkit("faithfulness", other).value - by_ragas("faithfulness", case)) > 0.1


# ── departures, each on purpose ──────────────────────────────────────────────────────────────────


@pytest.fixture
def one():
    return Drawn(
        claims=(("It rises in the hills.", True), ("It is long.", True)),
        chunks=(("The river rises in the hills.", True), ("It is long.", True)),
        sentences=(("In the hills.", True),),
        questions=(("Where does it rise?", False),),
        vectors={QUESTION: (1.0,) + (0.0,) * 7, "Where does it rise?": (0.6, 0.8) + (0.0,) * 6},
    )


def changed(case, **fields):
    return Drawn(**(vars(case) | fields))


def test_no_claim_is_nan_there_and_a_number_here(one):
    silent = changed(one, claims=())
    assert math.isnan(by_ragas("faithfulness", silent))
    assert by_evalkit("faithfulness", silent).value == 0.0
    abstaining = Case(id="c", input=QUESTION, expect="abstain")
    assert by_evalkit("faithfulness", silent, changed_case=abstaining).value == 1.0


@pytest.mark.parametrize("name", ["faithfulness", "context_precision", "context_recall"])
def test_no_passage_is_refused_there_and_zero_here(name, one):
    with pytest.raises(ValueError, match="retrieved_contexts"):
        by_ragas(name, one, contexts=[])
    assert by_evalkit(name, one, answer=Answer(text="In the hills.")).value == 0.0


@pytest.mark.parametrize("name", ["faithfulness", "answer_relevancy"])
def test_no_answer_is_refused_there_and_zero_here(name, one):
    with pytest.raises(ValueError, match="response"):
        by_ragas(name, one, response="")
    assert by_evalkit(name, one, answer=Answer(text="")).value == 0.0


class Forgetful(RagasJudge):
    """Leaves out the last verdict."""

    def said(self, model):
        said = super().said(model)
        return {"statements": said["statements"][:-1]} if model is NLIStatementOutput else said


def test_a_verdict_left_out_raises_the_score_there_and_is_none_here(one):
    half = changed(one, claims=(("It rises in the hills.", True), ("It is short.", False)))
    assert by_ragas("faithfulness", half) == 0.5
    assert by_ragas("faithfulness", half, judge=Forgetful(half)) == 1.0

    class ForgetfulHere(DrawnJudge):
        async def support(self, *, claims, contexts):
            return (await DrawnJudge.support(self, claims=claims, contexts=contexts))[:-1]

    found = by_evalkit("faithfulness", half, judge=ForgetfulHere(case=half))
    assert isinstance(found, Unscored)


class Doubling(RagasJudge):
    """Says 2 where 1 was asked for."""

    def said(self, model):
        said = super().said(model)
        if model is ContextPrecisionOutput:
            return said | {"verdict": 2}
        rows = [row | {"attributed": 2} for row in said["classifications"]]
        return {"classifications": rows}


@pytest.mark.parametrize("name", ["context_precision", "context_recall"])
def test_a_verdict_of_two_is_more_than_one_there_and_none_here(name, one):
    assert by_ragas(name, one, judge=Doubling(one)) > 1.4

    class Strange(DrawnJudge):
        def _judged(self, unit, text, label):
            return DrawnJudge._judged(self, unit, text, "supported")

    assert isinstance(by_evalkit(name, one, judge=Strange(case=one)), Unscored)


def test_no_classification_is_nan_there_and_unscored_here(one):
    none = changed(one, sentences=())
    judge = RagasJudge(none)
    assert math.isnan(
        float(
            asyncio.run(
                collections.ContextRecall(llm=judge).ascore(
                    user_input=QUESTION, reference="In the hills.", retrieved_contexts=["a"]
                )
            ).value
        )
    )

    class Silent(DrawnJudge):
        async def attribution(self, *, sentences, contexts):
            return ()

    assert isinstance(by_evalkit("context_recall", one, judge=Silent(case=one)), Unscored)


def test_a_negative_cosine_stands_there_and_is_clamped_here(one):
    away = changed(one, vectors=one.vectors | {"Where does it rise?": (-1.0,) + (0.0,) * 7})
    assert by_ragas("answer_relevancy", away) == pytest.approx(-1.0)
    assert by_evalkit("answer_relevancy", away).value == 0.0


def test_a_blank_question_is_passed_over_there_and_unscored_here(one):
    blank = changed(one, questions=(("", False), ("Where does it rise?", False)))
    assert by_ragas("answer_relevancy", blank) == pytest.approx(0.6)
    assert isinstance(by_evalkit("answer_relevancy", blank), Unscored)


def test_no_question_is_zero_there_and_unscored_here(one):
    none = changed(one, questions=(("", False),))
    assert by_ragas("answer_relevancy", none) == 0.0
    assert isinstance(by_evalkit("answer_relevancy", none), Unscored)


def test_the_1e_10_in_their_denominator_stays_under_the_tolerance():
    """Largest at one passage that is useful: 1 / (1 + 1e-10)."""
    worst = 0.0
    for places in range(1, 7):
        for bits in range(2**places):
            chunks = tuple((f"Passage {i}.", bool(bits >> i & 1)) for i in range(places))
            case = changed(drawn(SEED), chunks=chunks)
            theirs = by_ragas("context_precision", case)
            ours = by_evalkit("context_precision", case).value
            worst = max(worst, abs(ours - theirs))
    assert 0 < worst < 1.1e-10 < EQUAL


def test_a_false_quote_is_believed_there_and_not_here(one):
    assert by_ragas("faithfulness", one) == 1.0
    assert by_evalkit("faithfulness", one).value == 1.0
    lying = DrawnJudge(case=one, quote="what no passage says")
    assert by_evalkit("faithfulness", one, judge=lying).value == 0.0
    assert by_evalkit("context_recall", one, judge=lying).value == 0.0


def test_an_uncertain_verdict_does_not_exist_there_and_counts_half_here(one):
    class Unsure(DrawnJudge):
        def _judged(self, unit, text, label):
            return DrawnJudge._judged(self, unit, text, "uncertain" if unit == "c0" else label)

    assert by_evalkit("faithfulness", one, judge=Unsure(case=one)).value == 0.75


def test_several_references_are_not_known_there_and_the_best_counts_here(one):
    both = Case(id="c", input=QUESTION, references=("In the hills.", "In the sea. And the hills."))

    class Seaward(DrawnJudge):
        async def attribution(self, *, sentences, contexts):
            return tuple(
                self._judged(f"s{i}", s, "not_attributed" if i == 1 else "attributed")
                for i, s in enumerate(sentences)
            )

    found = by_evalkit("context_recall", one, judge=Seaward(case=one), changed_case=both)
    assert found.value == 1.0
