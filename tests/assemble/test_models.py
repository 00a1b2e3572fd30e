"""A profile's roles become models: priced, never judging themselves, with every fault at its line.

No model is called here; what is wrapped is not looked into.
"""

from __future__ import annotations

import asyncio

import pytest

from evalkit.assemble.models import Models, spelled
from evalkit.assemble.names import Names
from evalkit.calls.ledger import Ledger
from evalkit.calls.rehearsal import RehearsedEmbedder, RehearsedModel
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project, named
from evalkit.errors import ConfigError
from evalkit.judges.llm import LlmJudge
from evalkit.judges.panel import PanelJudge
from evalkit.judges.scripted import ScriptedJudge
from evalkit.pricing import FREE, Price
from evalkit.providers.scripted_embedder import ScriptedEmbedder
from evalkit.records import ModelRequest

SMALL = '{ provider = "openai", model = "small", price = { input = 1.0, output = 4.0 } }'
LARGE = '{ provider = "openai", model = "large", price = { input = 2.0, output = 8.0 } }'


@pytest.fixture
def bound(tmp_path):
    """The models of a profile with these lines."""

    def made(*lines, embedder='"scripted"', **options):
        text = "\n".join(["[profiles.p]", *lines, f"embedder = {embedder}"])
        (tmp_path / "evalkit.toml").write_text(f"{text}\n")
        project = load_project(tmp_path)
        traffic = options.pop("traffic", Traffic())
        return Models(names=Names(project), bound=project.profiles["p"], traffic=traffic, **options)

    return made


def problems(make):
    with pytest.raises(ConfigError) as caught:
        make()
    return [str(problem) for problem in caught.value.problems]


def generator(models, price=None):
    return models.generator(models.bound.role("generator"), price=price)


# ── prices ───────────────────────────────────────────────────────────────────────────────────────


def test_a_role_s_own_price_is_the_one_it_has(bound):
    """Dollars a million tokens, whatever the catalogue says of the model."""
    models = bound('judge = "scripted"', f"generator = {SMALL}")
    assert generator(models).table == Price(input=1.0, output=4.0).table


def test_a_target_s_price_comes_before_the_profile_s(bound):
    """Two targets may share a model under different contracts."""
    models = bound('judge = "scripted"', f"generator = {SMALL}")
    assert generator(models, Price(input=3.0)).table == Price(input=3.0).table


def test_a_known_model_needs_no_price(bound):
    """The catalogue has it; another service tier has another price."""
    models = bound('judge = "scripted"', 'generator = "openai/gpt-4o-mini"')
    assert generator(models).table == Price(input=0.15, output=0.6, cached_input=0.075).table


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('"openai/gpt-5-mega-unreleased"', "knows no openai model 'gpt-5-mega-unreleased'"),
        ('{ provider = "openai", model = "gpt-4o-mini", base_url = "http://10.0.0.7/v1" }',
         "knows no provider 'openai at another address'"),
    ],
)  # fmt: skip
def test_an_unknown_price_is_an_error_at_the_role_s_line(bound, table, says):
    """Never 0: what is not priced could not be capped. The message says how to state it."""
    models = bound('judge = "scripted"', f"generator = {table}")
    (found,) = problems(lambda: generator(models))
    assert found.startswith("evalkit.toml:3 profiles.p.generator: ")
    assert says in found
    assert "price = {" in found


def test_another_address_with_the_catalogue_s_name_has_that_provider_s_price(bound):
    """The near miss: the address is one the catalogue knows."""
    table = '{ provider = "openai", model = "gpt-4o-mini", base_url = "https://api.openai.com/v1" }'
    models = bound('judge = "scripted"', f"generator = {table}")
    assert generator(models).table == Price(input=0.15, output=0.6, cached_input=0.075).table


@pytest.mark.parametrize(
    ("price", "says"),
    [
        ("3", "generator.price: must be a table. Got 3."),
        ('"free"', "generator.price: must be a table. Got 'free'."),
        ("{ inputs = 1.0 }", "generator.price.inputs: unknown key 'inputs'. Did you mean input?"),
        ("{ input = -1.0 }", "price of 0 or more"),
    ],
)
def test_a_price_that_is_none_is_no_price_of_0(bound, price, says):
    """A slip in it must not make the model free."""
    table = SMALL.replace("{ input = 1.0, output = 4.0 }", price)
    models = bound('judge = "scripted"', f"generator = {table}")
    (found,) = problems(lambda: generator(models))
    assert says in found


def test_a_model_of_this_process_takes_no_price_from_the_profile(bound):
    """It would be a key that does nothing."""
    models = bound('judge = "scripted"', 'generator = { provider = "scripted", price = {} }')
    (found,) = problems(lambda: generator(models))
    assert "generator.price: a model of this process is not charged" in found
    free = bound('judge = "scripted"', 'generator = "scripted"')
    assert generator(free, Price(input=1.0)).table == FREE.table


# ── who may judge ────────────────────────────────────────────────────────────────────────────────


def judged(models):
    return models.judge(ScriptedEmbedder())


def test_a_judge_of_evalkit_s_own_asks_no_chat_model(bound):
    """The scripted and the embedded judge are no models."""
    judge, model = judged(bound('judge = "scripted"'))
    assert isinstance(judge, ScriptedJudge)
    assert model is None


def test_only_a_judge_outside_this_process_costs_calls(bound):
    """A remote generator beside an embedded judge does not make judging dear."""
    free = bound('judge = "scripted"', f"generator = {SMALL}")
    judged(free)
    assert not free.judge_is_remote
    dear = bound(f"judge = {LARGE}", f"generator = {SMALL}")
    judged(dear)
    assert dear.judge_is_remote
    rehearsed = bound(f"judge = {LARGE}", traffic=Traffic(rehearsing=True))
    judged(rehearsed)
    assert rehearsed.judge_is_remote


def test_a_model_as_judge_is_the_llm_judge_with_its_own_options(bound):
    """Keys of the judge and keys of its model stand in one table."""
    table = LARGE.replace("}", "}, reversed_questions = 2, temperature = 0.0", 1)  # fmt: skip
    judge, model = judged(bound(f"judge = {table}"))
    assert isinstance(judge, LlmJudge)
    assert (judge.reversed_questions, judge.name) == (2, "openai/large")
    assert judge.model is model


@pytest.mark.parametrize("judge", [SMALL, SMALL.replace("1.0", "9.0")])
def test_the_model_under_test_does_not_judge_itself(bound, judge):
    """At whatever price; the message says what to do."""
    models = bound(f"generator = {SMALL}", f"judge = {judge}")
    (found,) = problems(lambda: judged(models))
    assert found.startswith("evalkit.toml:3 profiles.p.judge: the model under test would judge")
    assert "allow_self_judging = true" in found
    assert "openai/small" in found


def test_self_judging_can_be_allowed_in_words(bound):
    """Somebody has decided it, and the profile shows it."""
    models = bound(f"generator = {SMALL}", f"judge = {SMALL}", "allow_self_judging = true")
    judge, _ = judged(models)
    assert judge.name == "openai/small"


@pytest.mark.parametrize(
    "judge", [LARGE, SMALL.replace("small", 'small", base_url = "http://127.0.0.1:1/v1')]
)
def test_another_model_and_another_address_may_judge(bound, judge):
    """The near miss: a name at another address is another model."""
    assert judged(bound(f"generator = {SMALL}", f"judge = {judge}"))[0]


def test_a_target_s_own_generator_is_what_must_not_judge(bound):
    """The profile's is not under test then, and the target's is."""
    models = bound(f"generator = {SMALL}", f"judge = {LARGE}")
    models.under_test = named("openai/large", models.bound.section, "generator")
    assert "would judge its own answers" in problems(lambda: judged(models))[0]
    models = bound(f"generator = {LARGE}", f"judge = {LARGE}")
    models.under_test = named("openai/small", models.bound.section, "generator")
    assert judged(models)[0]


# ── panels ───────────────────────────────────────────────────────────────────────────────────────


def test_a_panel_is_of_judges_of_any_kind(bound):
    """Its chat model is the first one it has."""
    panel = f'[{LARGE}, "scripted"]'
    judge, model = judged(bound(f'judge = {{ panel = {panel}, rule = "minimum" }}'))
    assert isinstance(judge, PanelJudge)
    assert [one.name for one in judge.judges] == ["openai/large", "scripted"]
    assert (judge.rule, model) == ("minimum", judge.judges[0].model)


@pytest.mark.parametrize(
    ("panel", "says"),
    [
        ('{ panel = ["scripted"] }', "a panel has two judges or more"),
        ('{ panel = "scripted" }', "a panel has two judges or more"),
        ('{ panel = ["scripted", 3] }', "panel: wrong type. Got 3."),
        ('{ panel = ["scripted", "scripted"], rule = "any" }',
         "unknown rule. Got 'any'. Allowed: majority, minimum."),
        ('{ panel = ["scripted", "scripted"], rules = "minimum" }',
         "unknown key 'rules'. Allowed: panel, rule."),
        ('{ panel = ["scripted", "scriptd"] }', "unknown judge 'scriptd'. Did you mean scripted?"),
        ('{ panel = ["scripted", "openai/nope-9"] }', "knows no openai model 'nope-9'"),
        (f'{{ panel = ["scripted", {SMALL}] }}', "would judge its own answers"),
    ],
)  # fmt: skip
def test_a_fault_of_a_panel_is_told_at_its_line(bound, panel, says):
    """Members are checked as a judge alone would be."""
    models = bound(f"generator = {SMALL}", f"judge = {panel}")
    (found,) = problems(lambda: judged(models))
    assert found.startswith("evalkit.toml:3 profiles.p.judge")
    assert says in found


def test_all_faults_of_a_panel_come_at_once(bound):
    """Two members, two problems."""
    models = bound('judge = { panel = ["scriptd", "openai/nope-9", 3] }')
    assert len(problems(lambda: judged(models))) == 3


# ── what leaves this process ─────────────────────────────────────────────────────────────────────


def test_remote_models_share_what_surrounds_their_calls(bound, tmp_path):
    """One `Calls` a plan, so that a limit of an endpoint holds for all who call it."""
    models = bound(f"generator = {SMALL}", f"judge = {LARGE}")
    assert models.concurrency == 0
    generator(models)
    calls = models.calls
    models.instruments(models.embedder())
    assert models.calls is calls
    assert [one.model for one in models.remote] == ["small", "large"]
    assert models.concurrency == 64
    assert models.ledger is None
    asyncio.run(models.close())
    ledger = Ledger(path=tmp_path / "budget.sqlite", cap_usd=1.0)
    assert bound('judge = "scripted"', traffic=Traffic(ledger=ledger)).ledger is ledger
    ledger.close()


def test_a_remote_embedder_is_priced_like_a_model(bound):
    """The catalogue knows what an embedding costs; an unknown one is refused."""
    models = bound('judge = "scripted"', embedder='"openai/text-embedding-3-small"')
    assert models.embedder().dimensions == 1536
    assert len(models.remote) == 1
    unknown = '{ provider = "openai", model = "wide", dimensions = 8 }'
    found = problems(bound('judge = "scripted"', embedder=unknown).embedder)
    assert "evalkit.toml:3 profiles.p.embedder: " in found[0]


def test_in_a_rehearsal_nothing_leaves_this_process(bound):
    """Generator, judge and embedder are stand-ins under the names of what they stand for."""
    models = bound(
        f"generator = {SMALL}", f"judge = {LARGE}",
        embedder='"openai/text-embedding-3-small"', traffic=Traffic(rehearsing=True),
    )  # fmt: skip
    made = generator(models)
    assert isinstance(made.model, RehearsedModel)
    assert made.table == Price(input=1.0, output=4.0).table
    tools = models.instruments(models.embedder())
    assert isinstance(tools.model, RehearsedModel)
    assert isinstance(tools.embedder, RehearsedEmbedder)
    assert models.remote == []


def test_a_rehearsed_judge_has_the_fingerprint_of_the_real_one(bound):
    """An estimate finds the real one's run by it."""
    lines = (f"generator = {SMALL}", f"judge = {LARGE}")
    real, _ = judged(bound(*lines))
    rehearsed, _ = judged(bound(*lines, traffic=Traffic(rehearsing=True)))
    assert rehearsed.fingerprint == real.fingerprint
    assert (rehearsed.closed_schema, real.closed_schema) == (True, False)


def test_a_role_is_spelled_without_its_options(bound):
    """A header may hold a key, and what is spelled stands in every run."""
    table = SMALL.replace("}", '}, headers = { x-key = "hush" }', 1)
    models = bound(f"generator = {table}", 'judge = "scripted"')
    assert spelled(models.bound.role("generator")) == "openai/small"
    assert spelled(models.bound.role("judge")) == "scripted"


def test_a_key_that_is_not_there_is_missed_before_anything_is_measured(bound, monkeypatch):
    """Not at the first call, an hour of embedding later; a replay calls nobody and needs none."""
    monkeypatch.delenv("EVALKIT_TEST_KEY", raising=False)
    table = LARGE.replace('"openai"', '"openai", api_key_env = "EVALKIT_TEST_KEY"')
    with pytest.raises(ConfigError, match=r"judge: needs a key in .*EVALKIT_TEST_KEY, which is n"):
        judged(bound(f"judge = {table}"))
    monkeypatch.setenv("EVALKIT_TEST_KEY", "k" * 20)
    assert isinstance(judged(bound(f"judge = {table}"))[0], LlmJudge)


def test_a_function_of_the_project_is_a_model(bound, tmp_path, monkeypatch):
    """The seam for a model nobody has a provider for, and for tests."""
    monkeypatch.syspath_prepend(tmp_path)
    code = "def reply(request):\n    return request.prompt.upper()\n"
    (tmp_path / "shouting.py").write_text(code)
    table = '{ provider = "scripted", function = "shouting:reply" }'
    made = generator(bound('judge = "scripted"', f"generator = {table}")).model
    assert made.name == "scripted/shouting:reply"
    assert asyncio.run(made.complete(ModelRequest(prompt="hello"))).text == "HELLO"


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ('"shouting"', "names no function. Got 'shouting'. Allowed: module:name"),
        ("3", "names no function. Got 3"),
        ('"nowhere:reply"', "'nowhere:reply' cannot be used: ModuleNotFoundError"),
        ('"json:loads", model = "x"', "scripted takes a function alone"),
    ],
)
def test_a_function_that_is_none_is_told(bound, function, says):
    table = f'{{ provider = "scripted", function = {function} }}'
    models = bound('judge = "scripted"', f"generator = {table}")
    (found,) = problems(lambda: generator(models))
    assert says in found
