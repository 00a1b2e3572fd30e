"""Which side of a pipeline is named for a drop: small pipelines, broken on one side or on both."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from evalkit import answers, assemble, baselines, pipeline, prompts, scope
from evalkit.attribution import LIMIT, attributions
from evalkit.config import load_project
from evalkit.errors import BudgetExceeded, RateLimited
from evalkit.gates.metric import MetricGate
from evalkit.plan import Effort
from evalkit.records import Answer, Check, Decision, Saved
from evalkit.targets.rag import RagTarget
from tests.builders import decided
from tests.builders import measured as measured_run
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import TOWNS, plans_of, said, write_served

N = 30

APP = '''\
from dataclasses import dataclass

from evalkit.judges.scripted import ScriptedJudge
from evalkit.rag.protocol import Guarded
from evalkit.rag.retrievers.bm25 import Bm25Search
from evalkit.records import GuardrailEvent


def judge(embedder):
    return ScriptedJudge(supports=lambda claim: "supported" if "bees" in claim else "unsupported")


def harsh(embedder):
    # On six of thirty: enough for a gate, too few to be sure that it is the judge.
    def supports(claim):
        return "unsupported" if any(f"Town0{i}" in claim for i in range(6)) else "supported"
    return ScriptedJudge(supports=supports)


def generate(request):
    """The passage that names the question's town, or that there is none."""
    *passages, question = request.prompt.split("|")
    town = question.split()[-1].strip("?")
    return next((p.strip() for p in passages if town in p), "Nobody knows.")


@dataclass(frozen=True)
class Blind:
    """Finds the first document for every question about an odd town."""

    async def build(self, chunks, *, embedder, index, cache=None):
        seeing = await Bm25Search().build(chunks, embedder=embedder, index=index)
        return Blinded(seeing, chunks[0])


@dataclass(frozen=True)
class Blinded:
    seeing: object
    first: object

    async def retrieve(self, question, k):
        found = await self.seeing.retrieve(question, k)
        if int(question[-3:-1]) % 2 == 0:
            return found
        return await self.seeing.retrieve(self.first.text, k)


@dataclass(frozen=True)
class Silence:
    """Refuses every question."""

    name = "silence"

    def guard(self, text, *, stage, subject=""):
        if stage != "input":
            return Guarded(text=text)
        event = GuardrailEvent(guardrail="silence", stage=stage, action="blocked", reason="r")
        return Guarded(text=None, events=(event,))
'''

CONFIG = """\
[targets.app]
kind = "rag"
prompt = "ask@1"
retrieve = { mode = "bm25", k = 1 }

[profiles.offline]
generator = { provider = "scripted", function = "app:generate" }
judge = "app:judge"
embedder = "scripted"
"""

SUITE = """\
[suite]
purpose = "Small enough to know the answer."
dataset = "tiny@1"
target = "app"

[metrics]
faithfulness = {}
recall_at_k = { k = 1 }

[gates.faithfulness]
compare = true

[gates.recall_at_k]
compare = true
"""

PROMPT = """\
+++
purpose = "Answer."
variables = ["passages", "question"]
output_contract = "Text."
why = "A test needs one."
+++
{% for passage in passages %}{{ passage.text }}|{% endfor %}{{ question }}
"""

BLIND = ('mode = "bm25"', 'mode = "app:Blind"')
SILENT = ("ask@1", "ask@2")
"""A prompt that shows no passage at all."""
SHORTER = ('prompt = "ask@1"', 'prompt = "ask@1"\nmax_output_tokens = 500')
"""A change of the generator's side that changes no answer."""


@pytest.fixture
def towns(project):
    """Thirty towns, a document and a question each; every answer is right. Promoted."""
    project.write("app.py", APP)
    project.write("evalkit.toml", CONFIG)
    project.write("suites/tiny.toml", SUITE)
    project.write("prompts/ask/v1.md", PROMPT)
    hidden = PROMPT.replace("{{ passage.text }}|", "")
    project.write("prompts/ask/v2.md", hidden)
    prompts.lock(project.root)
    rows = [{"id": f"d{i:02}", "text": f"There are bees in Town{i:02}."} for i in range(N)]
    project.write("datasets/tiny/1/corpus.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
    project.cases([
        {"id": f"c{i:02}", "input": f"What is there in Town{i:02}?", "references": ["Bees."],
         "relevant_ids": [f"d{i:02}"]} for i in range(N)
    ])  # fmt: skip
    return promoted(project)


def promoted(project):
    plan, run = measured(project, repeats=5)
    baseline = baselines.promote(run, because="a test needs one", by="ada", commit="")
    baselines.save(project.root, baseline)
    answers.save(project.root, baseline, run, target=plan.recipe)
    return project


def measured(project, *, repeats=1):
    (plan,) = assemble.plans(
        project.root / "suites/tiny.toml", project=load_project(project.root), profile="offline"
    )
    place = pipeline.fresh_place(project.root / ".evalkit", resume=False)
    return plan, pipeline.measure(plan, place=place, effort=Effort(repeats=repeats))


def replayed(project, *edits, spoil=lambda plan, kept: (plan, kept), **options):
    """What is said after these edits of evalkit.toml, by gate."""
    for old, new in edits:
        project.edit("evalkit.toml", old, new)
    plan, run = measured(project)
    saved = pipeline.conclude([(plan.promise, run)], report=project.root / "out").saved[0]
    baseline = baselines.load_baseline(project.root, "offline", "tiny")
    kept = answers.load(project.root, "offline", "tiny", baseline)
    plan, kept = spoil(plan, kept)
    return {one.gate: one for one in attributions(plan, saved, baseline, kept, **options)}


def square(found):
    return (found.old_old, found.old_new, found.new_old, found.new_new)


# ── one side ─────────────────────────────────────────────────────────────────────────────────────


def test_a_blind_retriever_is_named(towns):
    """Every second town finds another's document: fifteen answers fall from 1 to 0."""
    found = replayed(towns, BLIND)
    assert found.keys() == {"faithfulness", "recall_at_k"}
    for one in found.values():
        assert one.cases == tuple(f"c{i:02}" for i in range(1, N, 2))
        assert square(one) == (1.0, 1.0, 0.0, 0.0)
        assert (one.retriever, one.generator) == (-1.0, 0.0)


def test_a_prompt_that_drops_passages_is_the_generators(towns):
    """What was found is the same; that recall falls with it is the prompt's doing."""
    found = replayed(towns, SILENT)
    for one in found.values():
        assert square(one) == (1.0, 0.0, 1.0, 0.0)
        assert (one.retriever, one.generator) == (0.0, -1.0)


def test_at_most_so_many_cases_are_tried(towns):
    """Thirty moved as far: the first twenty by name, or as many as are asked for."""
    found = replayed(towns, SILENT)["faithfulness"]
    assert found.cases == tuple(f"c{i:02}" for i in range(LIMIT))


def test_a_guardrail_that_refuses_the_question_is_the_generators(towns):
    """Nothing was looked up, so nothing can be said of the retriever."""
    found = replayed(towns, ("retrieve =", 'guardrails = ["app:Silence"]\nretrieve ='))
    assert (found["recall_at_k"].retriever, found["recall_at_k"].generator) == (0.0, -1.0)


# ── both sides: replayed ─────────────────────────────────────────────────────────────────────────


def test_a_harmless_change_of_the_other_side_is_tried_and_named_nothing(towns):
    """Both sides differ, so both are exchanged: the old contexts are answered right again."""
    for one in replayed(towns, BLIND, SHORTER).values():
        assert square(one) == (1.0, 1.0, 0.0, 0.0)
        assert one.generator == 0.0


def test_two_changes_share_what_they_did(towns):
    """Of the first twenty, all fall by the prompt, and the ten odd ones by the search as well.

    Old prompt on new contexts: ten of twenty. Search (0.5 − 1 + 0 − 0)/2, prompt (−1 − 0.5)/2.
    """
    for one in replayed(towns, BLIND, SILENT).values():
        assert square(one) == (1.0, 0.0, 0.5, 0.0)
        assert (one.retriever, one.generator) == (-0.25, -0.75)


def test_the_old_prompt_stays_the_old_one(towns):
    """The target is made again from what was kept, not from the project's table of today."""
    asked = []

    def spoil(plan, kept):
        def rebuild(recipe):
            target, remote = plan.rebuild(recipe)
            asked.append(
                (target.pipeline.config.prompt.ref, plan.target.pipeline.config.prompt.ref)
            )
            return target, remote

        return replace(plan, rebuild=rebuild), kept

    replayed(towns, BLIND, SILENT, spoil=spoil)
    assert asked == [("ask@1", "ask@2")]


class Failing:
    """A stand-in for a generator that breaks on some towns."""

    name = fingerprint = "failing"

    def __init__(self, inner, error, *towns):
        self.inner, self.error, self.towns = inner, error, towns

    async def complete(self, request):
        if any(town in request.prompt for town in self.towns):
            raise self.error
        return await self.inner.complete(request)


def failing(error, *towns):
    def spoil(plan, kept):
        made = plan.target.pipeline
        made.generator = Failing(made.generator, error, *towns)
        return plan, kept

    return spoil


@pytest.mark.parametrize("error", [RateLimited("slow down"), SystemExit(0)])
def test_a_case_that_cannot_be_answered_again_is_left_out(towns, error):
    """And nothing else is: a model that breaks must not end the build's report."""
    found = replayed(towns, BLIND, SHORTER, spoil=failing(error, "Town01", "Town03"))
    assert found["faithfulness"].cases == tuple(f"c{i:02}" for i in range(5, N, 2))
    assert found["faithfulness"].generator == 0.0


def test_no_case_that_can_be_answered_is_said(towns):
    found = replayed(towns, BLIND, SHORTER, spoil=failing(RateLimited("slow down"), "Town"))
    assert found["recall_at_k"].why_not == (
        "none of the 15 cases that moved could be answered and scored again"
    )


def test_a_spent_budget_is_said(towns):
    spent = failing(BudgetExceeded("$0.10 is left"), "Town01")
    found = replayed(towns, BLIND, SHORTER, spoil=spent)
    assert {one.why_not for one in found.values()} == {
        "the budget does not allow a replay: $0.10 is left"
    }


# ── nothing to say ───────────────────────────────────────────────────────────────────────────────


def test_a_build_that_passes_has_nothing_to_attribute(towns):
    assert replayed(towns) == {}


def test_what_moved_with_both_sides_unchanged_is_no_sides_doing(towns):
    """Another judge under the old name: the same passages, the same answers, other scores."""
    found = replayed(towns, ("app:judge", "app:harsh"))
    assert found["faithfulness"].why_not == (
        "passages and generator are the baseline's in all 6 cases that moved: "
        "noise of the model, or another judge"
    )


def test_without_kept_answers_it_says_how_to_keep_them(towns):
    found = replayed(towns, BLIND, spoil=lambda plan, kept: (plan, None))
    assert {one.why_not for one in found.values()} == {
        "the baseline's answers are not kept ([suite] keep_answers = true)"
    }


def test_a_target_of_somebody_elses_is_not_taken_apart(towns):
    class Foreign:
        fingerprint = "foreign"

    found = replayed(towns, BLIND, spoil=lambda plan, kept: (replace(plan, target=Foreign()), kept))
    assert all("no pipeline of evalkit's" in one.why_not for one in found.values())


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"target": {"kind": "rag", "prompt": "gone@1"}}, "gone"),
        ({"target": {"kind": "rag", "prompt": "ask@2"}}, "are others now"),
        ({"target": {"kind": "callable", "function": "app:generate"}}, "are others now"),
        ({"target": "rag"}, "names no target"),
    ],
)
def test_a_target_that_cannot_be_made_again_as_it_was_is_none(towns, recipe, message):
    """A recipe that no longer works, or gives another pipeline than the one that answered."""

    def spoil(plan, kept):
        return plan, replace(kept, target={**kept.target, **recipe})

    found = replayed(towns, BLIND, SHORTER, spoil=spoil)
    assert all(
        one.why_not.startswith("the baseline's target cannot be made again")
        and message in one.why_not
        for one in found.values()
    )


def test_a_plan_without_a_way_back_is_said(towns):
    spoil = lambda plan, kept: (replace(plan, rebuild=None), kept)  # noqa: E731
    found = replayed(towns, BLIND, SHORTER, spoil=spoil)
    assert {one.why_not for one in found.values()} == {
        "this plan cannot make the baseline's target again"
    }


def test_a_floor_that_fails_without_a_drop_is_not_attributed(towns):
    """Blind when it was promoted, and blind now: below the floor, and nothing moved."""
    towns.edit("evalkit.toml", *BLIND)
    promoted(towns).edit(
        "suites/tiny.toml", "compare = true\n\n[gates.r", "floor = 0.9\n\n[gates.r"
    )
    plan, run = measured(towns)
    saved = pipeline.conclude([(plan.promise, run)], report=towns.root / "out").saved[0]
    assert saved.decision.outcome == "FAIL"
    assert replayed(towns) == {}


@pytest.mark.parametrize(
    ("kind", "outcome", "delta", "n"),
    [
        ("regression", "FAIL", -0.5, 1),
        ("regression", "INCONCLUSIVE", -0.5, 1),
        ("regression", "INCONCLUSIVE", 0.01, 0),
        ("regression", "PASS", -0.01, 0),
        ("release", "FAIL", -0.5, 0),
    ],
)
def test_only_a_drop_against_the_baseline_is_attributed(towns, kind, outcome, delta, n):
    """Its answers are kept; the release's are not. Beside it the floor fails in any case."""
    towns.edit("evalkit.toml", *BLIND)
    plan, run = measured(towns)
    saved = pipeline.conclude([(plan.promise, run)], report=towns.root / "out").saved[0]
    (failed,) = [v for v in saved.decision.verdicts if v.gate == "faithfulness"]
    tested = next(check for check in failed.checks if check.comparison)
    compared = replace(tested.comparison, kind=kind, delta=delta)
    checks = (
        replace(tested, outcome=outcome, comparison=compared),
        Check(kind="floor", outcome="FAIL", reason="below"),
    )
    decision = replace(saved.decision, verdicts=(replace(failed, checks=checks),))
    baseline = baselines.load_baseline(towns.root, "offline", "tiny")
    kept = answers.load(towns.root, "offline", "tiny", baseline)
    assert len(attributions(plan, replace(saved, decision=decision), baseline, kept)) == n


# ── answering from given passages ────────────────────────────────────────────────────────────────


def test_the_baselines_contexts_give_the_baselines_answers(towns):
    """What the replay leans on: the old target, made again, says again what is kept."""
    plan, _ = measured(towns)
    baseline = baselines.load_baseline(towns.root, "offline", "tiny")
    kept = answers.load(towns.root, "offline", "tiny", baseline)
    old, _ = plan.rebuild(kept.target)
    assert isinstance(old, RagTarget)
    questions = {case.id: case.input for case in plan.dataset.cases}
    for one in kept.answers:
        again = asyncio.run(old.answer_from(questions[one.case_id], one.answer.retrieved))
        assert isinstance(again, Answer)
        assert (again.text, again.passages, again.retrieved) == (
            one.answer.text, one.answer.passages, one.answer.retrieved,
        )  # fmt: skip


# ── on models behind a server ────────────────────────────────────────────────────────────────────


def served_attribution(project):
    """A hosted target promoted, then changed on both sides; what the replay says and asked."""
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)

        def run_of(repeats=1):
            (plan,) = plans_of(project, profile="provider")
            place = pipeline.fresh_place(project.root / ".evalkit", resume=False)
            return plan, pipeline.measure(plan, place=place, effort=Effort(repeats=repeats))

        plan, run = run_of(repeats=5)
        baseline = baselines.promote(run, because="a test needs one", by="ada", commit="")
        answers.save(project.root, baseline, run, target=plan.recipe)
        kept = answers.load(project.root, "provider", "tiny", baseline)
        project.edit("evalkit.toml", "k = 2 }", "k = 1 }\nmax_output_tokens = 500")
        plan, run = run_of()
        asked = len(server.requests)
        with scope.gathered() as scopes:
            found = attributions(plan, dropped(run, baseline), baseline, kept)
        bodies = [seen.body for seen in server.requests[asked:]]
        spent = scope.total(scopes, "attribution")
        assert spent.calls - spent.cached_calls - spent.shared_calls == len(bodies)
        return found, bodies


def dropped(run, baseline):
    """As if every answer of this run had been judged unfaithful, and the gate had seen it."""
    scores = tuple(replace(one, value=0.0) for one in run.scores if one.metric == "faithfulness")
    run = replace(run, scores=scores)
    measurement = measured_run(run, baseline)
    gate = MetricGate(name="faithfulness", min_cases=2)
    verdict = decided(gate, measurement)
    assert verdict.outcome == "FAIL"
    decision = Decision(
        outcome="FAIL", estimates=measurement.estimates, comparisons=(), verdicts=(verdict,)
    )
    return Saved(run=run, decision=decision)


def test_hosted_models_are_asked_again_after_the_run_has_let_go_of_them(project):
    """Twelve answers: the old prompt's bound on the new contexts, the new one's on the old."""
    (found,), bodies = served_attribution(project)
    assert not found.why_not
    assert square(found) == (1.0, 1.0, 1.0, 0.0)
    answered = [body for body in bodies if body["model"] == "small"]
    assert len(answered) == 2 * len(TOWNS)
    bounds = [body.get("max_completion_tokens", body.get("max_tokens")) for body in answered]
    assert bounds == [500] * len(TOWNS) + [512] * len(TOWNS)
