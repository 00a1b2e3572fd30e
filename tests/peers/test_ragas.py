"""RAGAS's own code, run through the adapter on scripted replies."""

from __future__ import annotations

import pytest

from evalkit.errors import BudgetExceeded, JudgeError, ProviderError
from evalkit.metrics.ragas import rag
from evalkit.metrics.ragas.adapter import ENVIRONMENT
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import Score, Unscored

LONG = "The tower stands in Paris. It is tall."
PLANE = ScriptedEmbedder(
    dimensions=2,
    given={
        "Where is the tower?": (1, 0),
        "near": (0.8, 0.6),
        "far": (0.6, 0.8),
        "opposite": (-1, 0),
        "nowhere": (float("nan"), 0),
    },
)


def statements(*texts):
    return {"statements": list(texts)}


def nli(*verdicts):
    return {"statements": [{"statement": f"s{v}", "reason": "r", "verdict": v} for v in verdicts]}


def useful(verdict):
    return {"reason": "because", "verdict": verdict}


def classified(*verdicts):
    return {
        "classifications": [{"statement": "s", "reason": "r", "attributed": v} for v in verdicts]
    }


def question(text, noncommittal=0):
    return {"question": text, "noncommittal": noncommittal}


def faithful(*verdicts, of):
    return {
        "StatementGeneratorOutput": statements(*map(str, range(of))),
        "NLIStatementOutput": nli(*verdicts),
    }


def test_faithfulness_is_the_share_of_statements_inferred(case, answer, score, obedient):
    model = obedient(faithful(1, 1, 0, 1, of=4))
    found = score(rag.Faithfulness(), case(), answer(LONG, "a", "b"), model)
    assert found.value == 0.75
    assert [j.label for j in found.judgements] == ["supported"] * 2 + ["unsupported", "supported"]
    assert len(model.asked) == 2
    assert "a\\nb" in model.asked[1].prompt  # its own prompt, contexts joined, as JSON


@pytest.mark.parametrize(
    ("verdicts", "of", "reason"),
    [
        ((1, 1, 1), 4, "3 verdicts on 4 statements"),  # RAGAS would say 1.0
        ((1, 2), 2, "said 2"),  # RAGAS would count it as supported
        ((1, -1), 2, "said -1"),
        ((), 0, "no statement"),  # RAGAS gives NaN
        ((), 2, "0 verdicts on 2"),
    ],
)
def test_verdicts_that_do_not_add_up_are_no_score(
    case, answer, score, obedient, verdicts, of, reason
):
    model = obedient(faithful(*verdicts, of=of))
    found = score(rag.Faithfulness(), case(), answer(LONG, "a"), model)
    assert isinstance(found, Unscored)
    assert reason in found.reason


@pytest.mark.parametrize(
    "reply",
    [
        "not json",
        '{"statements": ["a"], "statements": []}',
        '{"statements": NaN}',
        '{"statements": [1]}',
        '{"statements": null}',
        '[{"statements": ["a"]}]',
        "",
    ],
)
def test_a_reply_that_is_not_one_object_of_the_shape_is_no_score(
    case, answer, score, obedient, reply
):
    model = obedient({"StatementGeneratorOutput": reply})
    with pytest.raises(JudgeError, match="StatementGeneratorOutput"):
        score(rag.Faithfulness(), case(), answer(LONG, "a"), model)


@pytest.mark.parametrize("verdict", ["true", '"1"', "1.5"])
def test_a_verdict_of_another_type_is_no_number(case, answer, score, obedient, verdict):
    model = obedient({"ContextPrecisionOutput": f'{{"reason": "r", "verdict": {verdict}}}'})
    with pytest.raises(JudgeError):
        score(rag.ContextPrecision(), case(), answer(LONG, "a"), model)


def test_answer_relevancy_draws_three_questions_apart(case, answer, score, obedient):
    replies = [question("near"), question("far"), question("near")]
    model = obedient({"AnswerRelevanceOutput": replies})
    found = score(rag.AnswerRelevancy(), case(), answer(LONG), model, embedder=PLANE)
    assert found.value == pytest.approx((0.8 + 0.6 + 0.8) / 3, abs=1e-7)
    # One prompt, three draws: a cache that filed them alike would answer all with the first.
    assert len({request.prompt for request in model.asked}) == 1
    assert [request.draw for request in model.asked] == [0, 1, 2]


def test_a_negative_cosine_is_clamped_and_said(case, answer, score, obedient):
    model = obedient({"AnswerRelevanceOutput": question("opposite")})
    found = score(rag.AnswerRelevancy(), case(), answer(LONG), model, embedder=PLANE)
    assert found.value == 0.0
    assert "-1.0000" in found.judgements[0].note


@pytest.mark.parametrize(
    ("replies", "value"),
    [
        ([question("near", 1)] * 3, 0.0),
        ([question("near", 1), question("near"), question("near")], 0.8),
        ([question("", 1)] * 3, 0.0),
    ],
)
def test_only_all_noncommittal_is_zero(case, answer, score, obedient, replies, value):
    model = obedient({"AnswerRelevanceOutput": replies})
    found = score(rag.AnswerRelevancy(), case(), answer(LONG), model, embedder=PLANE)
    assert found.value == pytest.approx(value, abs=1e-7)


def test_a_blank_question_for_an_answer_that_commits_is_no_score(case, answer, score, obedient):
    replies = [question("near"), question(""), question("near")]  # RAGAS would take the other two
    model = obedient({"AnswerRelevanceOutput": replies})
    found = score(rag.AnswerRelevancy(), case(), answer(LONG), model, embedder=PLANE)
    assert "blank question" in found.reason


def test_vectors_without_direction_are_no_score(case, answer, score, obedient):
    model = obedient({"AnswerRelevanceOutput": question("nowhere")})
    with pytest.raises(ProviderError, match="direction"):
        score(rag.AnswerRelevancy(), case(), answer(LONG), model, embedder=PLANE)


def test_context_precision_is_average_precision(case, answer, score, obedient):
    model = obedient({"ContextPrecisionOutput": [useful(1), useful(0), useful(1)]})
    found = score(rag.ContextPrecision(), case(), answer(LONG, "a", "b", "c"), model)
    assert found.value == pytest.approx((1 + 2 / 3) / 2, abs=1e-9)
    assert [j.label for j in found.judgements] == ["useful", "not_useful", "useful"]


def test_the_same_passage_twice_is_two_draws(case, answer, score, obedient):
    model = obedient({"ContextPrecisionOutput": [useful(1), useful(0)]})
    found = score(rag.ContextPrecision(), case(), answer(LONG, "a", "a"), model)
    assert found.value == pytest.approx(1.0, abs=1e-9)
    assert [request.draw for request in model.asked] == [0, 1]


def test_a_verdict_of_two_would_make_precision_more_than_one(case, answer, score, obedient):
    model = obedient({"ContextPrecisionOutput": [useful(2), useful(1)]})
    found = score(rag.ContextPrecision(), case(), answer(LONG, "a", "b"), model)
    assert "said 2" in found.reason


def test_context_recall_is_the_share_attributed(case, answer, score, obedient):
    model = obedient({"ContextRecallOutput": classified(1, 0, 1)})
    found = score(rag.ContextRecall(), case(), answer(LONG, "a"), model)
    assert found.value == pytest.approx(2 / 3)
    assert [j.label for j in found.judgements] == ["attributed", "not_attributed", "attributed"]


@pytest.mark.parametrize(("verdicts", "reason"), [((), "NaN"), ((1, 3), "said 3")])
def test_recall_without_usable_verdicts_is_no_score(
    case, answer, score, obedient, verdicts, reason
):
    model = obedient({"ContextRecallOutput": classified(*verdicts)})
    assert reason in score(rag.ContextRecall(), case(), answer(LONG, "a"), model).reason


@pytest.mark.parametrize("error", [BudgetExceeded("spent"), ProviderError("down")])
def test_the_engine_sees_the_error_of_a_call_itself(case, answer, score, obedient, error):
    model = obedient({"StatementGeneratorOutput": error})
    with pytest.raises(type(error)) as caught:
        score(rag.Faithfulness(), case(), answer(LONG, "a"), model)
    assert caught.value is error


def test_schemas_are_closed_and_every_key_required(case, answer, score, obedient):
    model = obedient(faithful(1, of=1))
    score(rag.Faithfulness(), case(), answer(LONG, "a"), model)
    inner = model.asked[1].schema["$defs"]["StatementFaithfulnessAnswer"]
    assert inner["additionalProperties"] is False
    assert inner["required"] == ["statement", "reason", "verdict"]
    assert model.asked[0].prompt_ref == "ragas@0.4.3"


@pytest.mark.slow
def test_a_first_score_leaves_no_file_and_only_the_documented_names(fresh):
    """No telemetry, no .env, no cache, no file at home; network look-ups would raise."""
    reply = '{"reason": "r", "verdict": 1}'
    assert fresh("ragas/context_precision", {}, reply) == sorted(ENVIRONMENT)


def test_the_score_is_a_record_like_any_other(case, answer, score, obedient):
    found = score(rag.Faithfulness(), case(), answer(LONG, "a"), obedient(faithful(1, of=1)))
    assert isinstance(found, Score)
    assert found.metric == "ragas/faithfulness"
