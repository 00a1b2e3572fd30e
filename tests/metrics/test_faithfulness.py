from __future__ import annotations

import pytest

from evalkit.judges.scripted import ScriptedJudge
from evalkit.metrics.faithfulness import Faithfulness
from evalkit.records import Judgement, Unscored

FOUR = "It is tall. It is old. It is iron. It is blue."


def labels(*given):
    """A judge that gives these labels to the claims, in order."""
    rest = iter(given)
    return ScriptedJudge(supports=lambda _: next(rest))


class Quoting(ScriptedJudge):
    """Calls everything supported, by one quote."""

    __slots__ = ()
    quote = ""

    async def support(self, *, claims, contexts):
        return tuple(
            Judgement(unit=claim, text=claim, label="supported", evidence=self.quote)
            for claim in claims
        )


def test_three_of_four_claims_supported_is_three_quarters(case, answer, score):
    judge = labels("supported", "supported", "supported", "contradicted")
    found = score(Faithfulness(), case(), answer(FOUR, "…"), judge=judge)
    assert found.value == 0.75
    assert dict(found.parts) == {
        "supported": 0.75,
        "contradicted": 0.25,
        "unsupported": 0.0,
        "uncertain": 0.0,
    }
    assert [j.label for j in found.judgements].count("contradicted") == 1


def test_an_uncertain_claim_counts_one_half(case, answer, score):
    # (2 supported + 0.5 · 1 uncertain) / 4
    judge = labels("supported", "supported", "uncertain", "unsupported")
    assert score(Faithfulness(), case(), answer(FOUR, "…"), judge=judge).value == 0.625


@pytest.mark.parametrize("text", ["", "  ", ":", "…!"])
@pytest.mark.parametrize(("expect", "value"), [("abstain", 1.0), ("answer", 0.0)])
def test_without_claims_the_expectation_decides(case, answer, score, text, expect, value):
    """And the judge is not even asked about an answer without a word."""
    judge = ScriptedJudge(makes_claims=lambda *_: pytest.fail("asked"))
    assert score(Faithfulness(), case(expect=expect), answer(text, "…"), judge=judge).value == value


def test_an_abstention_in_words_is_an_answer_without_claims(case, answer, score):
    judge = ScriptedJudge(makes_claims=lambda *_: ())
    text = answer("I don't know.", "…")
    assert score(Faithfulness(), case(expect="abstain"), text, judge=judge).value == 1.0


def test_claims_without_passages_are_all_unsupported(case, answer, score):
    found = score(Faithfulness(), case(), answer(FOUR), judge=labels())
    assert found.value == 0.0
    assert [j.label for j in found.judgements] == ["unsupported"] * 4


def test_the_passages_are_the_contexts_in_prompt_order(case, answer, score):
    seen = []

    class Seeing(ScriptedJudge):
        async def support(self, *, claims, contexts):
            seen.append((claims, contexts))
            return await super().support(claims=claims, contexts=contexts)

    score(Faithfulness(), case(), answer("One. Two.", "p", "q"), judge=Seeing())
    assert seen == [(("One.", "Two."), ("p", "q"))]


@pytest.mark.parametrize(
    ("quote", "value"),
    [("tall and\n  iron", 1.0), ("", 1.0), ("tall and steel", 0.0)],
    ids=["white space differs", "no quote", "a word differs"],
)
def test_a_quote_must_be_in_a_passage(case, answer, score, quote, value):
    judge = type("Q", (Quoting,), {"quote": quote, "__slots__": ()})()
    found = score(
        Faithfulness(), case(), answer("It is tall.", "It is tall and iron."), judge=judge
    )
    assert found.value == value


@pytest.mark.parametrize("returned", [("c1",), ("c1", "c2", "c3"), ("c1", "c1")])
def test_another_set_of_verdicts_than_was_asked_for_is_no_score(case, answer, score, returned):
    class Sloppy(ScriptedJudge):
        async def support(self, *, claims, contexts):
            return tuple(Judgement(unit=unit, text="", label="supported") for unit in returned)

    found = score(Faithfulness(), case(), answer("One. Two.", "p"), judge=Sloppy())
    assert isinstance(found, Unscored)
    assert "verdicts on" in found.reason


def test_a_label_of_another_question_is_no_score(case, answer, score):
    found = score(Faithfulness(), case(), answer("One.", "p"), judge=labels("useful"))
    assert found == Unscored(
        case_id="c1",
        repeat=0,
        metric="faithfulness",
        reason="the judge said useful; asked for supported, contradicted, unsupported, uncertain",
    )


def test_a_blank_claim_is_no_score(case, answer, score):
    judge = ScriptedJudge(makes_claims=lambda *_: ("One.", " "))
    assert isinstance(score(Faithfulness(), case(), answer("One.", "p"), judge=judge), Unscored)
