"""A target's table becomes the system under test, and what the run must know about it."""

from __future__ import annotations

import json

import pytest

from evalkit import assemble, prompts
from evalkit.assemble.models import Models
from evalkit.assemble.names import Names
from evalkit.assemble.targets import own_generator, target
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.errors import ConfigError
from evalkit.pricing import FREE, UNPRICED, Price
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.targets.callable import CallableTarget
from evalkit.targets.rag import RagTarget
from tests.servers.served_project import PROMPT

HOSTED = '{ provider = "openai", model = "small", price = { input = 1.0, output = 4.0 } }'


@pytest.fixture
def made(project):
    """The parts of a target with these lines under a profile with this generator."""
    project.write("prompts/ask/v1.md", PROMPT)
    project.write("datasets/tiny/1/corpus.jsonl", '{"id": "d1", "text": "All is known."}\n')
    prompts.lock(project.root)

    def parts(lines, *, generator='"scripted"', embedder=True):
        project.write(
            "evalkit.toml",
            f'[targets.app]\n{lines}\n[profiles.offline]\ngenerator = {generator}\n'
            'judge = "scripted"\nembedder = "scripted"\n',
        )  # fmt: skip
        loaded = load_project(project.root)
        section = loaded.targets["app"]
        models = Models(
            names=Names(loaded),
            bound=loaded.profiles["offline"],
            traffic=Traffic(),
            under_test=own_generator(section),
        )
        return target(section, models, ScriptedEmbedder() if embedder else None)

    return parts


RAG = 'kind = "rag"\nprompt = "ask@1"\nretrieve = { mode = "bm25" }'


def test_a_callable_is_priced_by_the_target_s_own_price(made):
    """evalkit does not see its calls: only tokens it reports can be priced."""
    parts = made('kind = "callable"\nfunction = "app:answer"\nprice = { input = 2.0 }')
    assert isinstance(parts.target, CallableTarget)
    assert (parts.price, parts.price_table) == (Price(input=2.0), Price(input=2.0).table)
    assert (parts.generator, parts.prompts) == ("", ())
    none = made('kind = "callable"\nfunction = "app:answer"')
    assert (none.price, none.price_table) == (None, UNPRICED)
    free = made('kind = "callable"\nfunction = "app:answer"\nprice = { input = 0.0 }')
    assert free.price_table == FREE.table


def test_a_pipeline_on_a_model_of_this_process_is_priced_by_the_target(made):
    """As if it were a hosted model: a price there must not be ignored."""
    parts = made(f"{RAG}\nprice = {{ input = 2.0 }}")
    assert isinstance(parts.target, RagTarget)
    assert parts.generator == "scripted"
    assert (parts.price, parts.price_table) == (Price(input=2.0), Price(input=2.0).table)
    free = made(RAG)
    assert (free.price, free.price_table) == (None, FREE.table)


def test_a_pipeline_on_a_hosted_model_is_priced_call_by_call(made):
    """The caller prices each completion, so that pricing the answer again would be twice."""
    parts = made(RAG, generator=HOSTED)
    assert (parts.price, parts.price_table) == (None, Price(input=1.0, output=4.0).table)
    own = made(f"{RAG}\nprice = {{ input = 9.0 }}", generator=HOSTED)
    assert (own.price, own.price_table) == (None, Price(input=9.0).table)


def test_a_target_s_own_generator_comes_before_the_profile_s(made):
    """Two targets of a suite may differ in the model alone: by name, or as a table."""
    assert made(f"{RAG}\ngenerator = {HOSTED}").generator == "openai/small"
    assert made(f'{RAG}\ngenerator = "scripted"', generator=HOSTED).generator == "scripted"
    assert made(RAG, generator=HOSTED).generator == "openai/small"


def test_a_fault_in_a_target_s_own_generator_stands_at_its_line(made):
    """Not at the profile's."""
    with pytest.raises(ConfigError) as caught:
        made(f'{RAG}\ngenerator = {{ provider = "openai", model = "m", temperatur = 1.0 }}')
    (found,) = map(str, caught.value.problems)
    assert found.startswith("evalkit.toml:5 targets.app.generator.temperatur: unknown key")
    with pytest.raises(ConfigError, match=r"evalkit\.toml:5 targets\.app\.generator: wrong type"):
        made(f"{RAG}\ngenerator = 3")


def test_only_a_pipeline_has_a_generator_of_its_own(made):
    """For a callable it is a key that does nothing, and refused."""
    with pytest.raises(ConfigError, match="unknown key 'generator'"):
        made('kind = "callable"\nfunction = "app:answer"\ngenerator = "scripted"')


@pytest.mark.parametrize("kind", ['kind = "callable"\nfunction = "app:answer"', RAG])
@pytest.mark.parametrize("price", ["3", '"cheap"', "{ inptu = 1.0 }"])
def test_a_price_that_is_none_is_no_price_of_0(made, kind, price):
    """A slip in it must not make the target free."""
    with pytest.raises(ConfigError, match=r"targets\.app\.price"):
        made(f"{kind}\nprice = {price}")


def test_a_pipeline_needs_an_embedder(made):
    """The embedder's own fault is told where it is made; here nothing is guessed in its place."""
    with pytest.raises(ConfigError, match="the embedder cannot be made"):
        made(RAG, embedder=False)


def test_prompt_and_model_reach_the_fingerprint_of_the_run(project, made):
    """What is under test is named in the run."""
    parts = made(RAG)
    (plan,) = assemble.plans(
        project.root / "suites/tiny.toml", project=load_project(project.root), profile="offline"
    )
    assert plan.fingerprint.prompts == parts.prompts
    assert plan.fingerprint.generator == "scripted"
    assert plan.fingerprint.target == parts.target.fingerprint


# ── a target of earlier ──────────────────────────────────────────────────────────────────────────


def plan_of(project):
    (plan,) = assemble.plans(
        project.root / "suites/tiny.toml", project=load_project(project.root), profile="offline"
    )
    return plan


def test_a_recipe_makes_the_same_target_again_whatever_the_project_says_now(project, made):
    """Another prompt, another model: the old ones are still there, by name."""
    made(RAG, generator='{ provider = "scripted", function = "app:answer" }')
    before = plan_of(project)
    project.write("prompts/ask/v2.md", PROMPT.replace("Answer", "Please answer"))
    prompts.lock(project.root)
    made(RAG.replace("ask@1", "ask@2"))
    now = plan_of(project)
    assert now.target.answering != before.target.answering
    target_of_then, remote = now.rebuild(json.loads(json.dumps(before.recipe)))
    assert target_of_then.fingerprint == before.target.fingerprint
    assert target_of_then.answering == before.target.answering == before.recipe["answering"]
    assert remote.servers == ()


def test_a_recipe_holds_the_targets_own_generator(project, made):
    """It comes before the profile's, then as now."""
    made(f'{RAG}\ngenerator = "scripted"', generator='"embedded/extractive"')
    assert plan_of(project).recipe["generator"] == {"provider": "scripted"}


def test_what_is_no_pipeline_has_no_generators_side(project, made):
    made('kind = "callable"\nfunction = "app:answer"')
    assert plan_of(project).recipe["answering"] == ""


def test_a_recipe_whose_parts_are_gone_is_refused(project, made):
    made(RAG)
    plan = plan_of(project)
    gone = {**plan.recipe, "target": {**plan.recipe["target"], "chunk": {"kind": "app:Gone"}}}
    with pytest.raises(ConfigError, match="a target of earlier"):
        plan.rebuild(gone)
