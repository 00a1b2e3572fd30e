"""An estimate says what a build would take, target and judge apart, and takes nothing itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit import assemble, codec, estimate, pipeline
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.plan import Effort
from evalkit.records import Failure, Saved, Score, Unscored
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import PROFILE, TOWNS, said, write_served

N = len(TOWNS)


@pytest.fixture
def server():
    with OpenAIServer(said) as running:
        yield running


@pytest.fixture
def served(project, server):
    return write_served(project, server.base_url)


def plans(project, **traffic):
    return assemble.plans(
        project.root / "suites/tiny.toml",
        project=load_project(project.root),
        profile="provider",
        traffic=Traffic(**traffic),
    )


def estimated(project, **options):
    report = project.root / "out"
    return estimate.expected(plans(project, rehearsing=True), report=report, **options)


def built(project, **traffic):
    report = project.root / "out"
    place = pipeline.fresh_place(report, resume=False)
    made = plans(project, **traffic)
    return pipeline.run_build(made, place=place, effort=Effort(), report=report)


def resaved(project, **changes):
    """The last run, with these fields of it changed."""
    path = project.root / "out/runs/tiny.json"
    saved = codec.load(Saved, path)
    codec.dump(path, replace(saved, run=replace(saved.run, **changes)))


def test_target_and_judge_are_listed_and_nobody_is_asked(served, server):
    """6 answers; for each, 2 judge calls for faithfulness and 1 for context recall."""
    target, judge = estimated(served)
    assert (target.suite, target.role, target.calls) == ("tiny", "target", N)
    assert (judge.suite, judge.role, judge.calls) == ("tiny", "judge", 3 * N)
    assert {row.basis for row in (target, judge)} == {"rehearsed"}
    assert server.requests == []
    assert not (served.root / "out").exists()


def test_dollars_are_tokens_at_each_roles_price(served):
    """$1 and $4 a million for the target, $2 and $8 for the judge."""
    target, judge = estimated(served)
    assert target.usd == pytest.approx((target.input_tokens + 4 * target.output_tokens) / 1e6)
    assert judge.usd == pytest.approx((2 * judge.input_tokens + 8 * judge.output_tokens) / 1e6)


def test_the_calls_expected_are_those_then_made(served, server):
    """Rehearsal runs the whole line: not one call more, not one less."""
    expected = estimated(served)
    built(served)
    assert len(server.requests) == sum(row.calls for row in expected) == 4 * N


def test_each_repeat_costs_as_much_as_the_first(served):
    """A baseline is five epochs."""
    for one, five in zip(estimated(served), estimated(served, repeats=5), strict=True):
        assert (five.calls, five.input_tokens) == (5 * one.calls, 5 * one.input_tokens)
        assert five.usd == pytest.approx(5 * one.usd)


def test_a_suite_that_ran_is_expected_to_take_what_it_took(served, server):
    """The figures are the run's own, also where its replies were cached."""
    spends = built(served).saved[0].run.spends
    asked = len(server.requests)
    target, judge = estimated(served)
    assert {target.basis, judge.basis} == {"as in the last run"}
    assert target.usd + judge.usd == pytest.approx(sum(spend.cold.usd for spend in spends))
    assert (target.calls, judge.calls) == (N, 3 * N)
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("evalkit.toml", '"small"', '"smaller"'),
        ("evalkit.toml", '"large"', '"larger"'),
        ("evalkit.toml", "input = 1.0", "input = 1.5"),
        ("evalkit.toml", "k = 2", "k = 1"),
        ("suites/tiny.toml", "context_recall", "context_precision"),
        ("datasets/tiny/1/cases.jsonl", "How many bees", "What number of bees"),
    ],
)
def test_a_run_of_something_else_says_nothing(served, name, old, new):
    """Another model, judge, price, target, metric or question: it is rehearsed."""
    built(served)
    served.edit(name, old, new)
    assert {row.basis for row in estimated(served)} == {"rehearsed"}


def test_a_run_that_was_cut_short_says_nothing(served):
    """What a budget or an outage left out would be missing in the estimate too."""
    run = built(served).saved[0].run
    trials = [
        replace(trial, outcome=Failure(stage="generate", error_type="E", message="m"))
        if trial.case_id == "c0"
        else trial
        for trial in run.trials
    ]
    resaved(served, trials=tuple(trials))
    assert {row.basis for row in estimated(served)} == {"rehearsed"}
    first = run.scores[0]
    assert isinstance(first, Score)
    hole = Unscored(case_id=first.case_id, repeat=0, metric=first.metric, reason="out")
    resaved(served, trials=run.trials, scores=(hole, *run.scores[1:]))
    assert {row.basis for row in estimated(served)} == {"rehearsed"}
    resaved(served, scores=run.scores)
    assert {row.basis for row in estimated(served)} == {"as in the last run"}


def test_a_remote_embedder_is_not_asked_either(served, server):
    """Its tokens are the target's, and its stand-in's vectors are kept under a name of their own.

    Then the run itself must find no vector of the rehearsal: every text is embedded for real.
    """
    table = (
        f'{{ provider = "openai", model = "wide", dimensions = 8, base_url = "{server.base_url}", '
        'api_key_env = "", price = { input = 1000.0 } }'
    )
    served.edit("evalkit.toml", 'embedder = "scripted"', f"embedder = {table}")
    served.edit("evalkit.toml", 'mode = "bm25"', 'mode = "dense"')
    target, _judge = estimated(served)
    assert server.requests == []
    assert target.calls == 2 * N + 1  # an answer and a question each, all documents at once
    assert target.usd > 100 * (target.input_tokens - target.output_tokens) / 1e6
    built(served)
    embedded = [one for one in server.requests if one.path.endswith("/embeddings")]
    texts = {text for one in embedded for text in one.body["input"]}
    assert len(texts) == 2 * N


def test_where_no_model_is_outside_nothing_is_expected(project):
    """The offline profile costs nothing, and says so."""
    project.cases([{"id": "c", "input": "q"}])
    made = assemble.plans(
        project.root / "suites/tiny.toml",
        project=load_project(project.root),
        profile="offline",
        traffic=Traffic(rehearsing=True),
    )
    rows = estimate.expected(made, report=project.root / "out")
    assert rows == ()
    assert estimate.table(rows) == "no model outside this process would be called: $0"


def test_the_table_has_a_line_a_role_and_the_sum():
    """Figures add up to the last line."""
    row = estimate.Expected(
        suite="s", role="target", calls=1200, input_tokens=3400, output_tokens=56, usd=0.25,
        basis="rehearsed",
    )  # fmt: skip
    rows = [row, replace(row, role="judge", calls=300, usd=0.5, basis="as in the last run")]
    assert estimate.table(rows).splitlines() == [
        "s target: 1,200 calls, 3,400 + 56 tokens, $0.2500 (rehearsed)",
        "s judge: 300 calls, 3,400 + 56 tokens, $0.5000 (as in the last run)",
        "in all: 1,500 calls, $0.7500 with an empty reply cache",
    ]


def test_the_profile_of_these_tests_has_two_roles_that_leave_the_process():
    """What the counts above rest on."""
    assert PROFILE.count('base_url = "URL"') == 2
