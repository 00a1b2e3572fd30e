"""Names become objects, or every problem of a suite is told at once with its place."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import assemble, prompts
from evalkit.config import load_project
from evalkit.errors import ConfigError, InputError
from evalkit.gates.coverage import CoverageGate
from evalkit.gates.metric import MetricGate
from evalkit.metrics.mrr import MRR
from evalkit.targets.rag import RagTarget
from tests.plugin.conftest import APP, PROJECT, SUITE

ROOT = Path(__file__).parents[2]

RAG = """\
[targets.app]
kind = "rag"
prompt = "ask@1"
chunk = { tokens = 40, overlap = 8 }
index = { kind = "flat" }
retrieve = { mode = "bm25", k = 2 }
guardrails = ["injection_filter"]

[profiles.offline]
generator = "scripted"
judge = "scripted"
embedder = "scripted"
"""

PROMPT = """\
+++
purpose = "Answer."
variables = ["passages", "question"]
output_contract = "Text."
why = "A test needs one."
+++
{% for passage in passages %}{{ passage.text }}{% endfor %} {{ question }}
"""


def plan(project, profile="offline"):
    suite = project.root / "suites/tiny.toml"
    (made,) = assemble.plans(suite, project=load_project(project.root), profile=profile)
    return made


def problems(project, **options):
    with pytest.raises(InputError) as caught:
        plan(project, **options)
    return caught.value.problems


def texts(project, **options):
    return [str(problem) for problem in problems(project, **options)]


@pytest.fixture
def rag(project):
    """The tiny project with the reference pipeline as its target."""
    project.write("evalkit.toml", RAG)
    project.write("prompts/ask/v1.md", PROMPT)
    project.write("prompts/ask/v2.md", PROMPT.replace("}} {{", "}} Now: {{"))
    corpus = '{"id": "d1", "title": "All", "text": "All answers are known."}\n'
    project.write("datasets/tiny/1/corpus.jsonl", corpus)
    prompts.lock(project.root)
    return project


# ── a plan ───────────────────────────────────────────────────────────────────────────────────────


def test_a_suite_becomes_a_plan(project):
    """What the files name is there as objects, with the project's own judge in it."""
    made = plan(project)
    assert made.name == "tiny"
    assert len(made.dataset.cases) == 30
    assert [metric.name for metric in made.metrics] == ["faithfulness"]
    assert made.promise.gates[0] == MetricGate(name="faithfulness", floor=0.8)
    assert made.instruments.judge.card.startswith("scripted judge")
    assert made.price is None


def test_the_reference_pipeline_is_made_of_the_parts_named(rag):
    """Each table's keys reach their part; the prompt is the released one."""
    made = plan(rag)
    assert isinstance(made.target, RagTarget)
    config = made.target.pipeline.config
    assert (config.prompt.ref, config.k) == ("ask@1", 2)
    assert (config.chunker.tokens, config.chunker.overlap) == (40, 8)
    assert [guardrail.name for guardrail in config.guardrails] == ["injection_filter"]
    assert made.fingerprint.prompts == (("ask@1", config.prompt.digest),)


def test_a_target_has_the_price_given_to_it(project):
    """Dollars a million tokens; the price's own name is the run's price table."""
    project.edit("evalkit.toml", '"app:answer"', '"app:answer"\nprice = { input = 2.0 }')
    made = plan(project)
    assert made.price.input == 2.0
    assert made.fingerprint.price_table == made.price.table


def test_an_attack_is_planted_before_anything_is_measured(rag):
    """The cases are those of the attack, its documents stand beside the corpus."""
    shutil.copytree(ROOT / "datasets/pii_personas", rag.root / "datasets/pii_personas")
    suite = SUITE.replace("faithfulness", "leak_free")
    rag.write("suites/tiny.toml", f'{suite}\n[attack]\nkind = "pii_leakage"\ncount = 8\n')
    made = plan(rag)
    assert len(made.dataset.cases) == 8
    assert all(case.attack is not None for case in made.dataset.cases)
    assert "d1" in {document.id for document in made.dataset.documents}
    assert len(made.dataset.documents) > 1


# ── everything that is wrong, at once ────────────────────────────────────────────────────────────


def test_all_problems_of_a_suite_come_at_once_each_with_its_line(project):
    """Metrics, gates, target, dataset and profile: one run of the command shows all eight."""
    suite = SUITE.replace("tiny@1", "tinny@1").replace('target = "app"', 'target = "ap"')
    suite = suite.replace(
        "faithfulness = {}", "faithfullness = {}\nrecall_at_k = { k = 0 }\nmrr = { kk = 1 }"
    ).replace("floor = 0.8", "flor = 0.8")
    project.write("suites/tiny.toml", f'{suite}\n[gates.recall_at_k]\nkind = "metrik"\n')
    found = texts(project, profile="ofline")
    expected = (
        "suites/tiny.toml:3 suite.dataset: datasets/ has no such dataset",
        "suites/tiny.toml:7 metrics.faithfullness: unknown metric 'faithfullness'. Did you mean",
        "suites/tiny.toml:8 metrics.recall_at_k: k counts documents and must be 1 or more, got 0",
        "suites/tiny.toml:9 metrics.mrr.kk: unknown key 'kk'. Did you mean k? Allowed: k.",
        "suites/tiny.toml:12 gates.faithfulness.flor: unknown key 'flor'. Did you mean floor?",
        "unknown gate 'metrik'. Did you mean metric?",
        "unknown profile 'ofline'. Did you mean offline?",
        "suites/tiny.toml:4 suite.target: unknown target 'ap'. Did you mean app? Allowed: app.",
    )
    for part in expected:
        assert [part for text in found if part in text] == [part], found


def test_a_header_that_cannot_be_read_hides_no_fault_of_metrics_and_gates(project):
    """A typo under [suite] and three further down: all four at once, the near miss not."""
    project.edit("suites/tiny.toml", "purpose", "purpos")
    project.edit("suites/tiny.toml", "faithfulness = {}", "faithfulness = {}\nmrrr = {}")
    project.edit("suites/tiny.toml", "floor = 0.8", 'flor = 0.8\nmargin = "0.05"')
    found = texts(project)
    expected = (
        "suite.purpos: unknown key 'purpos'. Did you mean purpose?",
        "missing key 'purpose'",
        "metrics.mrrr: unknown metric 'mrrr'. Did you mean mrr?",
        "gates.faithfulness.flor: unknown key 'flor'. Did you mean floor?",
        "gates.faithfulness.margin: wrong type",
    )
    for part in expected:
        assert [part for text in found if part in text] == [part], found
    assert len(found) == len(expected)


@pytest.mark.parametrize("corpus", [None, ""])
def test_a_pipeline_without_a_corpus_is_told_before_anything_is_measured(rag, corpus):
    """Not case by case, after the start. A near miss: a function of one's own needs none."""
    file = rag.root / "datasets/tiny/1/corpus.jsonl"
    file.unlink() if corpus is None else file.write_text(corpus)
    (text,) = texts(rag)
    assert text.startswith("suites/tiny.toml:3 suite.dataset: has no corpus to retrieve from")
    assert "which the target app does. Got 'tiny@1'." in text


def test_a_function_needs_no_corpus(project):
    assert not (project.root / "datasets/tiny/1/corpus.jsonl").exists()
    assert plan(project).dataset.documents == ()


def test_what_is_no_toml_is_said_once(project):
    project.edit("suites/tiny.toml", "[metrics]", "[metrics")
    assert len(texts(project)) == 1


def test_all_problems_of_a_pipeline_come_at_once(rag):
    """A part that cannot be made does not hide the next one's fault."""
    rag.edit("evalkit.toml", "ask@1", "ask@9")
    rag.edit("evalkit.toml", "tokens = 40", "tokens = 0")
    rag.edit("evalkit.toml", '"flat"', '"flatt"')
    rag.edit("evalkit.toml", "k = 2", "k = 2, weight = 3")
    rag.edit("evalkit.toml", "injection_filter", "injection_filtre")
    rag.edit("evalkit.toml", 'generator = "scripted"', 'generator = "scripd"')
    text = "\n".join(texts(rag))
    for part in (
        "prompts/ask/v9.md: cannot be read",
        "evalkit.toml:4 targets.app.chunk",
        "unknown index 'flatt'. Did you mean flat?",
        "evalkit.toml:6 targets.app.retrieve.weight: unknown key",
        "unknown guardrail 'injection_filtre'. Did you mean injection_filter?",
        "profiles.offline.generator: unknown model 'scripd'. Did you mean scripted?",
    ):
        assert part in text


def test_a_pipeline_cannot_retrieve_no_passage(rag):
    """One is the least; what the pipeline refuses is a problem of the file."""
    rag.edit("evalkit.toml", "k = 2", "k = 0")
    assert "retrieve.k: must be a whole number of at least 1. Got 0." in "\n".join(texts(rag))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "callable"', 'kind = "callabel"', "unknown target 'callabel'. Did you mean call"),
        ('kind = "callable"\n', "", "names no target; known: rag, callable, http"),
        ('kind = "callable"', "kind = 3", "names no target"),
        ('"app:answer"', '"app:nope"', "module 'app' has no attribute 'nope'"),
        ('"app:answer"', '"app"', "function must be 'module:function'"),
        ('"app:answer"', '"app:answer"\nprice = { input = -1.0 }', "price of 0 or more"),
        ('"app:answer"', '"app:answer"\nroot = "/"', "unknown key 'root'"),
        ('"scripted"', '"scriptd"', "unknown embedder 'scriptd'. Did you mean scripted?"),
    ],
)
def test_what_the_project_names_wrongly_is_told(project, old, new, says):
    """One slip, one problem."""
    project.edit("evalkit.toml", old, new)
    (found,) = texts(project)
    assert says in found


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "names no attack; known: pii_leakage, prompt_injection"),
        ('kind = "pii_leak"', "unknown attack 'pii_leak'. Did you mean pii_leakage?"),
        ('kind = "pii_leakage"\nseeds = 3', "unknown key 'seeds'"),
    ],
)
def test_an_attack_that_cannot_be_made_is_told(project, table, says):
    """Never quietly a suite without its attack."""
    project.write("suites/tiny.toml", f"{SUITE}\n[attack]\n{table}\n")
    (found,) = texts(project)
    assert says in found


# ── the project's own code ───────────────────────────────────────────────────────────────────────


def test_a_metric_of_the_project_is_named_by_module_and_attribute(project):
    """`"module:attribute"` is a key like any other name."""
    project.write("own.py", "from evalkit.metrics.mrr import MRR as Own\n")
    suite = SUITE.replace("faithfulness = {}", 'faithfulness = {}\n"own:Own" = { k = 3 }')
    project.write("suites/tiny.toml", suite)
    assert plan(project).metrics[1] == MRR(k=3)


@pytest.mark.parametrize(
    ("code", "spec", "says"),
    [
        (APP, "app:jugde", "judge 'app:jugde' cannot be used: AttributeError"),
        (APP, "gone:judge", "judge 'gone:judge' cannot be used: ModuleNotFoundError"),
        ("def (", "app:judge", "judge 'app:judge' cannot be used: SyntaxError"),
        ("raise OSError('no disk')", "app:judge", "cannot be used: OSError: no disk"),
    ],
)
def test_own_code_that_cannot_be_used_says_why(project, code, spec, says):
    """Importing somebody's module may raise anything."""
    project.write("app.py", code)
    project.edit("evalkit.toml", '"app:judge"', f'"{spec}"')
    assert says in "\n".join(texts(project))


# ── gates ────────────────────────────────────────────────────────────────────────────────────────


def gates(project, text):
    project.write("suites/tiny.toml", f"{SUITE}\n{text}")
    return plan(project).promise.gates


def test_the_coverage_gate_is_always_there(project):
    """A suite that does not name it has it with its defaults, last."""
    assert gates(project, "")[-1] == CoverageGate(name="coverage")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[gates.coverage]\nmax_missing = 0.01\n", "coverage"),
        ('[gates.all_of_it]\nkind = "coverage"\nmax_missing = 0.01\n', "all_of_it"),
    ],
)
def test_a_coverage_gate_of_the_suite_is_the_only_one(project, text, name):
    """Under its own name too: two would say two things of the same holes."""
    found = [gate for gate in gates(project, text) if gate.kind == "coverage"]
    assert found == [CoverageGate(name=name, max_missing=0.01)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[gates.mrr]\nfloor = 0.5\n", 12),
        ('[gates.ranking]\nmetric = "mrr"\nfloor = 0.5\n', 12),
    ],
)
def test_a_gate_on_what_is_not_measured_is_refused(project, text, line):
    """It would have nothing to fail on."""
    project.write("suites/tiny.toml", f"{SUITE}\n{text}")
    (problem,) = problems(project)
    assert "gates mrr, which the suite does not measure" in problem.what
    assert problem.allowed == "faithfulness"
    assert problem.where.startswith(f"suites/tiny.toml:{line} gates.")


def test_a_gate_may_have_another_name_than_its_metric(project):
    """The near miss: the metric it names is measured."""
    found = gates(project, '[gates.strictly]\nmetric = "faithfulness"\nfloor = 0.7\n')
    assert found[1] == MetricGate(name="strictly", metric="faithfulness", floor=0.7)


def test_the_gates_of_a_saved_run_are_those_of_its_suite_file_today(project):
    """Found by the name in the run's fingerprint; a suite that is gone is an error."""
    made = plan(project)
    run = type("Run", (), {"fingerprint": made.fingerprint})
    today = load_project(project.root)
    assert assemble.promise_of_run(run, project=today) == made.promise
    run.fingerprint = replace(made.fingerprint, suite="gone")
    with pytest.raises(ConfigError, match=r"suites/gone\.toml: cannot be read"):
        assemble.promise_of_run(run, project=today)


# ── models ────────────────────────────────────────────────────────────────────────────────────────


def test_a_target_s_own_model_is_what_the_judge_is_held_against(rag):
    """The judge is the profile's; the model under test is the target's own."""
    table = '{ provider = "openai", model = "one", price = { input = 1.0 } }'
    rag.edit("evalkit.toml", 'judge = "scripted"', f"judge = {table}")
    assert plan(rag).instruments.judge.name == "openai/one"
    rag.edit("evalkit.toml", 'prompt = "ask@1"', f'prompt = "ask@1"\ngenerator = {table}')
    (problem,) = problems(rag)
    assert "would judge its own answers" in problem.what


def test_a_metric_that_asks_a_chat_model_needs_one(project):
    """Under a judge that is none it could score nothing; the project's own metric as well."""
    code = "from evalkit.metrics.mrr import MRR\nclass Asks(MRR):\n    needs_model = True\n"
    project.write("own.py", code)
    project.edit("suites/tiny.toml", "= {}", '= {}\n"own:Asks" = {}')
    (problem,) = problems(project)
    assert problem.where == "suites/tiny.toml:8 metrics.own:Asks"
    assert "the profile's judge scripted is none" in problem.what


def test_only_a_pipeline_on_remote_models_keeps_its_own_time(rag, project):
    """What waits on anything else can hang, whatever the judge is."""
    judge = '{ provider = "openai", model = "one", price = { input = 1.0 } }'
    rag.edit("evalkit.toml", 'judge = "scripted"', f"judge = {judge}")
    assert plan(rag).remote.concurrency == 64
    assert plan(rag).paces_itself
    rag.edit("evalkit.toml", judge, '"scripted"')
    assert not plan(rag).paces_itself
    project.write("evalkit.toml", PROJECT.replace('"app:judge"', judge))
    assert not plan(project).paces_itself
    assert plan(project).remote.concurrency == 64


# ── the fingerprint ──────────────────────────────────────────────────────────────────────────────


def test_the_same_files_give_the_same_fingerprint(rag):
    """And so the same journal and a comparable run."""
    assert plan(rag).fingerprint == plan(rag).fingerprint
    assert plan(rag).key == plan(rag).key


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("evalkit.toml", "ask@1", "ask@2", {"prompts", "config_digest"}),
        ("evalkit.toml", "tokens = 40", "tokens = 41", {"target", "config_digest"}),
        ("evalkit.toml", "k = 2", "k = 3", {"target", "config_digest"}),
        ("evalkit.toml", 'judge = "scripted"', 'judge = "own:judge"', {"judge"}),
        ("suites/tiny.toml", "= {}", "= {}\nmrr = { k = 3 }", {"metrics", "config_digest"}),
        ("datasets/tiny/1/cases.jsonl", "question 7", "question eight", {"dataset_digest"}),
        ("datasets/tiny/1/corpus.jsonl", "known", "open", {"dataset_digest"}),
        ("suites/tiny.toml", "floor = 0.8", "floor = 0.7", set()),
        ("suites/tiny.toml", "repeats the question", "does", set()),
    ],
)
def test_the_fingerprint_changes_with_what_is_measured(rag, name, old, new, changed):
    """With prompt, pipeline, judge, metrics and data; not with a gate or a word of the purpose."""
    judge = "ScriptedJudge(fingerprint='own')"
    rag.write("own.py", f"from evalkit.judges.scripted import *\ndef judge(e): return {judge}\n")
    before = plan(rag).fingerprint
    rag.edit(name, old, new)
    after = plan(rag).fingerprint
    names = before.__dataclass_fields__
    assert {field for field in names if getattr(before, field) != getattr(after, field)} == changed


def test_an_option_of_a_metric_is_part_of_the_fingerprint(project):
    """The metric's name and version are the same; what it counts is not."""
    project.edit("suites/tiny.toml", "= {}", "= {}\nmrr = { k = 3 }")
    before = plan(project)
    project.edit("suites/tiny.toml", "k = 3", "k = 4")
    after = plan(project)
    assert [m.version for m in before.metrics] == [m.version for m in after.metrics]
    assert before.fingerprint.metrics != after.fingerprint.metrics
    assert before.key != after.key


# ── names asked for alone ────────────────────────────────────────────────────────────────────────


def test_without_a_path_the_projects_suites_are_meant(project):
    """Files and folders can be given; files of a folder come in name order."""
    loaded = load_project(project.root)
    tiny, other = project.root / "suites/tiny.toml", project.write("suites/a.toml", SUITE)
    assert assemble.suite_files([], project=loaded) == (other, tiny)
    assert assemble.suite_files([tiny.parent], project=loaded) == (other, tiny)
    assert assemble.suite_files([tiny, other], project=loaded) == (tiny, other)


def test_paths_without_a_suite_are_all_told(project):
    """A wrong path must not be a build with fewer suites."""
    root = project.root
    given = [root / "gone.toml", root / "datasets", root / "suites/tiny.toml"]
    with pytest.raises(ConfigError) as caught:
        assemble.suite_files(given, project=load_project(root))
    assert [str(problem) for problem in caught.value.problems] == [
        "gone.toml: no suite (a .toml file) here",
        "datasets: no suite (a .toml file) here",
    ]


def test_a_metric_by_name(project):
    """For `evalkit.check`; its options have their defaults."""
    assert assemble.metric("mrr") == MRR()
    with pytest.raises(ConfigError, match="Did you mean faithfulness"):
        assemble.metric("faithfulnes")


def test_the_instruments_of_a_profile(project):
    """Judge and embedder as the profile binds them; an unknown profile is told what there is."""
    loaded = load_project(project.root)
    tools = assemble.instruments(loaded, profile="offline")
    assert (tools.judge.fingerprint, tools.embedder.fingerprint) == ("scripted", "scripted")
    with pytest.raises(ConfigError, match=r"unknown profile 'gpu'\. Allowed: offline"):
        assemble.instruments(loaded, profile="gpu")


def test_nothing_of_a_project_is_imported_from_elsewhere_first(project):
    """The project's folder comes first on the path: its `app` is its own."""
    assert PROJECT.count("app:") == 2
    source = plan(project).target._imported("app:answer").__code__.co_filename
    assert source == str(project.root / "app.py")


# ── lanes, and what need not be judged ───────────────────────────────────────────────────────────


def test_in_the_lane_of_a_release_nothing_undecided_is_green(project):
    loaded = load_project(project.root)
    suite = project.root / "suites/tiny.toml"
    (made,) = assemble.plans(suite, project=loaded, profile="offline", lane="release")
    assert (made.promise.lane, made.promise.inconclusive) == ("release", "fail")
    assert (plan(project).promise.lane, plan(project).promise.inconclusive) == ("pr", "warn")


def test_a_promise_says_what_each_judge_is_shown(project):
    assert dict(plan(project).promise.judged_on) == {"faithfulness": "answer"}


def test_a_judge_of_the_project_s_own_may_say_that_it_costs(project):
    project.write("dear.py", """
from evalkit.judges.scripted import ScriptedJudge

def judge(embedder):
    return ScriptedJudge(costs=True)
""")  # fmt: skip
    assert not plan(project).judge_costs
    project.edit("evalkit.toml", 'judge = "app:judge"', 'judge = "dear:judge"')
    assert plan(project).judge_costs
    project.edit("suites/tiny.toml", "[suite]\n", "[suite]\njudge_all = true\n")
    assert not plan(project).judge_costs
