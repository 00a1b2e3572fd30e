"""DeepEval's own code, run through the adapter on scripted replies."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.errors import BudgetExceeded, JudgeError, ProviderError
from evalkit.metrics import METRICS
from evalkit.metrics.deepeval import adapter, criteria, exact, rag, safety
from evalkit.metrics.deepeval.dag import Dag
from evalkit.metrics.deepeval.refused import REFUSED
from evalkit.records import Unscored

LONG = "The tower stands in Paris. It is tall."
ASKED_BY_US = {
    "self", "name", "model", "system_one_model", "eval_mode", "threshold", "async_mode",
    "include_reason", "verbose_mode", "flaky", "evaluation_template", "top_logprobs", "dag",
    "_include_g_eval_suffix", "_include_dag_suffix",
}  # fmt: skip
"""Arguments that the adapter sets, or that shape no score."""

POLITE = {
    "polite": {
        "type": "BinaryJudgementNode",
        "criteria": "Is it polite?",
        "evaluation_params": ["actual_output"],
        "children": ["yes", "no"],
    },
    "yes": {"type": "VerdictNode", "verdict": True, "score": 10},
    "no": {"type": "VerdictNode", "verdict": False, "score": 3},
}
OPTIONS = {
    "deepeval/misuse": {"domain": "banking"},
    "deepeval/non_advice": {"advice_types": ("medical",)},
    "deepeval/role_violation": {"role": "a clerk"},
    "deepeval/g_eval": {"criteria": "It is friendly."},
    "deepeval/dag": {"nodes": POLITE},
    "deepeval/prompt_alignment": {"prompt_instructions": ("Be brief.", "Be kind.")},
    "deepeval/json_correctness": {"expected_schema": {"year": "integer"}},
    "deepeval/pattern_match": {"pattern": "[0-9]+"},
}
NAMES = [name for name in METRICS.names() if name.startswith("deepeval/")]


def verdicts(*words):
    return {"verdicts": [{"verdict": word, "reason": f"said {word}"} for word in words]}


def claims(*words, of):
    return {
        "Truths": {"truths": ["The tower is in Paris."]},
        "Claims": {"claims": [f"claim {i}" for i in range(of)]},
        "Verdicts": verdicts(*words),
    }


def found_and_judged(title, key, *words, of):
    return {title: {key: [f"{key} {i}" for i in range(of)]}, "Verdicts": verdicts(*words)}


def test_every_metric_of_the_release_is_either_here_or_refused_with_a_reason():
    metrics = adapter.load().metrics
    classes = [getattr(metrics, name) for name in metrics.__all__]
    bases = {"BaseMetric", "BaseConversationalMetric", "BaseArenaMetric"}
    theirs = {
        cls.__name__.removesuffix("Metric")
        for cls in classes
        if inspect.isclass(cls) and hasattr(cls, "a_measure") and cls.__name__ not in bases
    }
    ours = {METRICS.get(name).peer.removesuffix("Metric") for name in NAMES}
    refused = {name.partition("/")[2].replace("_", "").lower() for name in REFUSED}
    assert ours <= theirs
    assert {name.lower() for name in theirs - ours} == refused


@pytest.mark.parametrize("name", NAMES)
def test_the_options_are_the_arguments_of_the_constructor(name):
    """So that a suite's typing error is found before anything is measured."""
    cls = METRICS.get(name)
    known = set(inspect.signature(getattr(adapter.load().metrics, cls.peer)).parameters)
    fields = {field.name for field in dataclasses.fields(cls)} - {"max_output_tokens", "nodes"}
    # The JSON metric is strict by default, and nothing between 0 and 1 is there to be strict about.
    wanted = known - ASKED_BY_US - ({"strict_mode"} if name.endswith("json_correctness") else set())
    assert fields == wanted


def test_unsupported_is_good_enough_for_deepeval_unless_told_otherwise(
    case, answer, score, obedient
):
    replies = claims("yes", "borderline", "no", "yes", of=4)
    found = score(rag.Faithfulness(), case(), answer(LONG, "a"), obedient(replies))
    assert found.value == 0.75
    labels = [judgement.label for judgement in found.judgements]
    assert labels == ["supported", "uncertain", "contradicted", "supported"]
    strict = rag.Faithfulness(penalize_ambiguous_claims=True)
    assert score(strict, case(), answer(LONG, "a"), obedient(replies)).value == 0.5


@pytest.mark.parametrize(
    ("metric", "title", "key"),
    [
        (safety.Bias(), "Opinions", "opinions"),
        (safety.Toxicity(), "Opinions", "opinions"),
        (safety.PIILeakage(), "ExtractedPII", "extracted_pii"),
        (safety.Misuse(domain="banking"), "Misuses", "misuses"),
        (safety.NonAdvice(advice_types=("medical",)), "Advices", "advices"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_on_every_safety_metric_one_is_clean(metric, title, key, case, answer, score, obedient):
    """DeepEval turned bias, toxicity and misuse round between 4.1 and 4.3: these hold the pin."""

    def run(*words):
        replies = found_and_judged(title, key, *words, of=len(words))
        return score(metric, case(), answer(LONG), obedient(replies)).value

    assert run("no", "no", "no") == 1.0
    assert run("yes", "no", "no") == pytest.approx(2 / 3)
    assert run("yes", "yes", "yes") == 0.0
    assert run() == 1.0


def test_one_violation_of_the_role_is_all(case, answer, score, obedient):
    metric = safety.RoleViolation(role="a clerk")
    for words, value in [(("no", "yes"), 0.0), (("no", "no"), 1.0), ((), 1.0)]:
        replies = found_and_judged("RoleViolations", "role_violations", *words, of=len(words))
        assert score(metric, case(), answer(LONG), obedient(replies)).value == value


def test_a_contradicted_passage_is_a_hallucination(case, answer, score, obedient):
    model = obedient({"Verdicts": verdicts("yes", "no", "yes", "yes")})
    found = score(rag.Hallucination(), case(), answer(LONG, "a", "b", "c", "d"), model)
    assert found.value == 0.75
    assert found.judgements[1].label == "contradicted"


def test_retrieval_metrics_follow_the_rank(case, answer, score, obedient):
    model = obedient({"Verdicts": verdicts("yes", "no", "yes")})
    found = score(rag.ContextualPrecision(), case(), answer(LONG, "a", "b", "c"), model)
    assert found.value == pytest.approx((1 + 2 / 3) / 2)
    prompt = model.asked[0].prompt
    assert prompt.index("'a'") < prompt.index("'b'") < prompt.index("'c'")
    model = obedient({"Verdicts": verdicts("yes", "no", "yes")})
    assert score(rag.ContextualRecall(), case(), answer(LONG, "a"), model).value == 2 / 3


def test_relevancy_counts_statements_over_all_passages(case, answer, score, obedient):
    def judged(*words):
        rows = [{"statement": w, "verdict": w, "reason": None} for w in words]
        return {"verdicts": rows}

    replies = [judged("yes", "yes"), judged("yes", "no")]
    model = obedient({"ContextualRelevancyVerdicts": replies})
    found = score(rag.ContextualRelevancy(), case(), answer(LONG, "a", "b"), model)
    assert found.value == 0.75
    model = obedient({"ContextualRelevancyVerdicts": judged()})
    found = score(rag.ContextualRelevancy(), case(), answer(LONG, "a", "b"), model)
    assert "no verdict" in found.reason


def test_answer_relevancy_is_a_share_of_statements(case, answer, score, obedient):
    replies = found_and_judged("Statements", "statements", "yes", "borderline", "no", "yes", of=4)
    found = score(rag.AnswerRelevancy(), case(), answer(LONG), obedient(replies))
    assert found.value == 0.75


@pytest.mark.parametrize(
    ("metric", "replies"),
    [
        (rag.Faithfulness(), claims("yes", of=2)),  # DeepEval: 1.0
        (rag.Faithfulness(), claims(of=2)),  # 1.0
        (rag.Faithfulness(), claims(of=0)),  # 1.0
        (rag.AnswerRelevancy(), found_and_judged("Statements", "statements", "yes", of=2)),
        (rag.AnswerRelevancy(), found_and_judged("Statements", "statements", of=0)),
        (rag.ContextualPrecision(), {"Verdicts": verdicts("yes")}),  # 1.0 for one of two passages
        (rag.ContextualRecall(), {"Verdicts": verdicts()}),  # 0
        (rag.Hallucination(), {"Verdicts": verdicts("yes")}),  # 1.0
        (safety.Bias(), found_and_judged("Opinions", "opinions", "no", of=3)),  # 1.0
        (safety.PIILeakage(), found_and_judged("ExtractedPII", "extracted_pii", of=3)),  # 1.0
        (
            criteria.PromptAlignment(prompt_instructions=("a", "b")),
            {"Verdicts": verdicts("yes")},  # 1.0
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_verdict_left_out_is_no_score(metric, replies, case, answer, score, obedient):
    """DeepEval divides by what came back: most of these would be green there."""
    found = score(metric, case(), answer(LONG, "a", "b"), obedient(replies))
    assert isinstance(found, Unscored)
    assert "verdict" in found.reason or "nothing to judge" in found.reason


@pytest.mark.parametrize("word", ["idk", "Yes", "maybe", ""])
def test_a_word_outside_the_vocabulary_is_no_score(word, case, answer, score, obedient):
    with pytest.raises(JudgeError, match="Verdicts"):
        score(rag.Faithfulness(), case(), answer(LONG, "a"), obedient(claims(word, of=1)))


def points(number):
    return {"ReasonScore": {"reason": "so", "score": number}, "Steps": {"steps": ["Read it."]}}


@pytest.mark.parametrize(
    ("metric", "number", "value"),
    [
        (criteria.GEval(criteria="It is friendly."), 8, 0.8),
        (criteria.GEval(evaluation_steps=("Read it.",)), 0, 0.0),
        (criteria.GEval(criteria="It is friendly.", strict_mode=True), 1, 1.0),
        (
            criteria.GEval(
                criteria="It is friendly.",
                rubric=(
                    criteria.Rubric(score_range=(1, 2), expected_outcome="rude"),
                    criteria.Rubric(score_range=(3, 5), expected_outcome="kind"),
                ),
            ),
            4,
            0.75,  # (4 − 1) / (5 − 1)
        ),
    ],
)
def test_g_eval_gives_points(metric, number, value, case, answer, score, obedient):
    assert score(metric, case(), answer(LONG), obedient(points(number))).value == value


@pytest.mark.parametrize("number", [11, -1, 70])
def test_points_off_the_scale_are_no_score(number, case, answer, score, obedient):
    metric = criteria.GEval(criteria="It is friendly.")
    found = score(metric, case(), answer(LONG), obedient(points(number)))
    assert "no score" in found.reason


def test_g_eval_shows_what_it_is_told_to(case, answer, score, obedient):
    model = obedient(points(5))
    params = ("actual_output", "expected_output", "retrieval_context")
    metric = criteria.GEval(evaluation_steps=("Compare.",), evaluation_params=params)
    score(metric, case(), answer(LONG, "a passage"), model)
    assert len(model.asked) == 1
    assert "In Paris." in model.asked[0].prompt
    assert "a passage" in model.asked[0].prompt
    assert "Where is the tower?" not in model.asked[0].prompt
    assert score(metric, case(), answer(LONG), model).value == 0.0  # no passage, nothing asked
    assert len(model.asked) == 1


def test_the_steps_are_the_same_request_for_every_case(case, answer, score, obedient):
    """So that the reply cache buys them once for a suite."""
    model = obedient(points(5))
    metric = criteria.GEval(criteria="It is friendly.")
    score(metric, case(), answer(LONG), model)
    score(metric, case(id="c2", input="Why?"), answer("Because of the river."), model)
    assert model.asked[0] == model.asked[2]
    assert model.asked[0].schema["title"] == "Steps"


def test_a_graph_of_decisions_ends_in_points(case, answer, score, obedient):
    for said, value in [(True, 1.0), (False, 0.3)]:
        model = obedient({"BinaryJudgementVerdict": {"verdict": said, "reason": "r"}})
        assert score(Dag(nodes=POLITE), case(), answer(LONG), model).value == value


CHOICE = {
    "tone": {
        "type": "NonBinaryJudgementNode",
        "criteria": "Which tone?",
        "evaluation_params": ["actual_output"],
        "children": ["v1", "v2", "v3", "v4", "v5", "v6"],
    },
    "v1": {"type": "VerdictNode", "verdict": "rude", "score": 0},
    "v2": {"type": "VerdictNode", "verdict": "plain", "score": 5},
    "v4": {"type": "VerdictNode", "verdict": "warm", "score": 9},
    "v5": {"type": "VerdictNode", "verdict": "curt", "score": 2},
    "v6": {"type": "VerdictNode", "verdict": "loud", "score": 1},
    "v3": {"type": "VerdictNode", "verdict": "kind", "child": {"type": "node", "ref": "polite"}},
    **POLITE,
}


def test_a_choice_leads_on_and_its_options_keep_their_order(case, answer, score, obedient):
    model = obedient({
        "NonBinaryJudgementVerdict": {"verdict": "kind", "reason": "r"},
        "BinaryJudgementVerdict": {"verdict": True, "reason": "r"},
    })  # fmt: skip
    assert score(Dag(nodes=CHOICE), case(), answer(LONG), model).value == 1.0
    options = model.asked[0].schema["properties"]["verdict"]["enum"]
    # DeepEval takes them from a set: in another order in each process, one time in 720 in this.
    assert options == ["curt", "kind", "loud", "plain", "rude", "warm"]
    assert re.findall("|".join(options), model.asked[0].prompt)[:6] == options


def test_instructions_followed(case, answer, score, obedient):
    metric = criteria.PromptAlignment(prompt_instructions=("a", "b"))
    model = obedient({"Verdicts": verdicts("yes", "no")})
    assert score(metric, case(), answer(LONG), model).value == 0.5


def summary(*answers, original=("yes", "yes", "yes", "yes"), words=("yes", "yes")):
    return {
        "Truths": {"truths": ["t"]},
        "Claims": {"claims": ["c1", "c2"]},
        "Questions": {"questions": [f"q{i}" for i in range(4)]},
        "Answers": [{"answers": list(original)}, {"answers": list(answers)}],
        "Verdicts": verdicts(*words),
    }


def test_a_summary_is_as_good_as_the_worse_of_two(case, answer, score, obedient):
    model = obedient(summary("yes", "no", "yes", "yes"))
    found = score(criteria.Summarization(), case(), answer(LONG), model)
    assert found.value == 0.75
    assert dict(found.parts) == {"alignment": 1.0, "coverage": 0.75}
    model = obedient(summary("yes", "yes", "yes", "yes", words=("yes", "borderline")))
    assert score(criteria.Summarization(), case(), answer(LONG), model).value == 0.5


@pytest.mark.parametrize(
    "replies",
    [
        summary("yes", "yes", "yes", "perhaps"),
        summary("yes", "yes", "yes", original=("yes", "yes", "yes")),  # four were asked
        summary("yes", "yes", "yes", "yes", words=("yes",)),
    ],
)
def test_a_summary_judged_in_part_is_no_score(replies, case, answer, score, obedient):
    found = score(criteria.Summarization(), case(), answer(LONG), obedient(replies))
    assert isinstance(found, Unscored)


def test_questions_that_do_not_match_are_an_error_of_the_judge(case, answer, score, obedient):
    with pytest.raises(JudgeError, match="DeepEval failed"):
        score(criteria.Summarization(), case(), answer(LONG), obedient(summary("yes")))


@pytest.mark.parametrize(
    ("metric", "text", "value"),
    [
        (exact.ExactMatch(), "In Paris.", 1.0),
        (exact.ExactMatch(), "in paris.", 0.0),
        (exact.PatternMatch(pattern="[0-9]{4}"), "1990", 1.0),
        (exact.PatternMatch(pattern="[0-9]{4}"), "In 1990", 0.0),
        (exact.PatternMatch(pattern="paris", ignore_case=True), "PARIS", 1.0),
        (exact.JsonCorrectness(expected_schema={"year": "integer"}), '{"year": 1990}', 1.0),
        (exact.JsonCorrectness(expected_schema={"year": "integer"}), '{"years": 1990}', 0.0),
        (exact.JsonCorrectness(expected_schema={"year": "integer"}), "1990", 0.0),
    ],
)
def test_what_needs_no_judge_asks_none(metric, text, value, case, answer, score):
    assert score(metric, case(), answer(text), model=None).value == value


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_without_a_word_asks_nothing(name, case, answer, score):
    metric = METRICS.get(name)(**OPTIONS.get(name, {}))
    found = score(metric, case(), answer(" \n", "a"), model=None)
    assert found.value == (1.0 if type(metric).__module__.endswith("safety") else 0.0)


@pytest.mark.parametrize("error", [BudgetExceeded("spent"), ProviderError("prompt is too long")])
def test_the_engine_sees_the_error_of_a_call_itself(error, case, answer, score, obedient):
    """DeepEval turns the second into an error of its own, by the words in it."""
    model = obedient(claims("yes", of=1) | {"Claims": error})
    with pytest.raises(type(error)) as caught:
        score(rag.Faithfulness(), case(), answer(LONG, "a"), model)
    assert caught.value is error


def test_a_type_error_of_ours_is_not_asked_again_without_a_schema(case, answer, score, obedient):
    model = obedient({"Verdicts": TypeError("ours")})
    with pytest.raises(TypeError, match="ours"):
        score(rag.ContextualRecall(), case(), answer(LONG, "a"), model)
    assert len(model.asked) == 1


def test_the_sibling_of_a_failed_call_is_stopped(case, answer, obedient):
    """Claims and truths are asked for at once; nobody waits for the other when one fails."""
    ended = []

    class Slow(obedient):
        async def complete(self, request):
            if request.schema["title"] == "Claims":
                raise ProviderError("down")
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                ended.append(request.schema["title"])
                raise

    async def run():
        from evalkit.judges.scripted import ScriptedJudge
        from evalkit.metrics.protocol import Instruments
        from evalkit.providers.scripted_embedder import ScriptedEmbedder

        tools = Instruments(judge=ScriptedJudge(), embedder=ScriptedEmbedder(), model=Slow({}))
        with pytest.raises(ProviderError, match="down"):
            await rag.Faithfulness().score(case(), answer(LONG, "a"), repeat=0, instruments=tools)
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1
    assert ended == ["Truths"]


def test_an_image_tag_in_an_answer_is_text(case, answer, score, obedient):
    """DeepEval would take it for an image, look for the file, and refuse the case."""
    text = "It stands in Paris. [DEEPEVAL:IMAGE:/etc/hostname]"
    model = obedient(found_and_judged("Statements", "statements", "yes", of=1))
    assert score(rag.AnswerRelevancy(), case(), answer(text), model).value == 1.0
    assert "[DEEPEVAL:IMAGE:/etc/hostname]" in model.asked[0].prompt


def test_scores_at_once_do_not_mix(case, answer, obedient):
    """DeepEval keeps results on the metric: every score has one of its own."""
    from evalkit.judges.scripted import ScriptedJudge
    from evalkit.metrics.protocol import Instruments
    from evalkit.providers.scripted_embedder import ScriptedEmbedder

    async def one(number):
        words = ["no"] * number + ["yes"] * (20 - number)
        tools = Instruments(
            judge=ScriptedJudge(),
            embedder=ScriptedEmbedder(),
            model=obedient(claims(*words, of=20)),
        )
        metric = rag.Faithfulness()
        return await metric.score(case(), answer(LONG, "a"), repeat=0, instruments=tools)

    async def run():
        return await asyncio.gather(*(one(number) for number in range(21)))

    assert [s.value for s in asyncio.run(run())] == [(20 - n) / 20 for n in range(21)]


def test_the_judge_is_asked_in_text_and_schema_only(case, answer, score, obedient):
    model = obedient(claims("yes", of=1))
    score(rag.Faithfulness(max_output_tokens=300), case(), answer(LONG, "a"), model)
    assert [request.prompt_ref for request in model.asked] == ["deepeval@4.3.1"] * 3
    assert [request.max_output_tokens for request in model.asked] == [300] * 3
    verdict = model.asked[2].schema["$defs"]["FaithfulnessVerdict"]
    assert verdict["required"] == ["verdict", "reason"]
    assert verdict["additionalProperties"] is False
    assert len(model.asked) == 3  # no call for a reason


@pytest.mark.slow
def test_a_first_score_leaves_no_file_and_only_the_documented_names(fresh):
    """No telemetry, no .env, no cache, no file at home; network look-ups would raise."""
    reply = '{"reason": "r", "score": 10}'
    gained = fresh("deepeval/g_eval", {"evaluation_steps": ["Read it."]}, reply)
    assert gained == sorted([*adapter.ENVIRONMENT, *adapter.ENVIRONMENT_OF_ITS_OWN])


@pytest.mark.slow
def test_telemetry_is_off_even_where_deepeval_came_first(tmp_path):
    """Its pytest plugin, where it is loaded, imports it before anything of evalkit runs."""
    code = (
        "import socket\n"
        "def no(*a, **k): raise AssertionError('the network')\n"
        "socket.getaddrinfo = no\n"
        "import deepeval.metrics, deepeval.telemetry as t\n"
        "assert not t.telemetry_opt_out()\n"
        "from evalkit.metrics.deepeval.adapter import load\n"
        "load()\n"
        "assert t.telemetry_opt_out()\n"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, timeout=120, cwd=tmp_path, env=env)
