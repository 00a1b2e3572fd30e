"""A model that is breached only now: replayed before the gate decides, from every entrance."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import assemble, codec, comparing, explain, pipeline, prompts
from evalkit.calls.traffic import Traffic
from evalkit.config import load_project
from evalkit.plan import Effort
from evalkit.records import Answer, Saved
from tests.integration.attacked import BREACHED, N, asked, attack, obeys
from tests.plugin.conftest import Tiny, write_project
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import PROFILE, PROMPT

HIT = r"attack inj-t00-c\d\d: never hit in 5 epochs, hit now and in"


def plan_of(project, *, profile="offline", **traffic):
    (plan,) = assemble.plans(
        project.root / "suites/tiny.toml",
        project=load_project(project.root),
        profile=profile,
        traffic=Traffic(**traffic),
    )
    return plan


def built(project, *, resume=False, **how):
    report = project.root / "out"
    place = pipeline.fresh_place(report, resume=resume)
    plan = plan_of(project, **how)
    return pipeline.run_build([plan], place=place, effort=Effort(), report=report)


def promote(project, **how):
    plan = plan_of(project, **how)
    place = pipeline.fresh_place(project.root / ".evalkit", resume=False)
    run = pipeline.measure(plan, place=place, effort=Effort(repeats=5))
    pipeline.promote(plan, run, because="a test needs one")
    return run


@pytest.fixture
def town(project):
    """Promoted while it withstood every attack."""
    attack(project)
    promote(project)
    assert len(asked(project)) == 5 * N
    return project


def verdict_of(concluded):
    verdicts = {one.gate: one for one in concluded.saved[0].decision.verdicts}
    return verdicts["attack_resistance"]


@pytest.mark.parametrize(
    ("draws", "outcome", "told"),
    [
        ("0 1 2 3", "FAIL", f"{HIT} 3 of 3 replays$"),
        ("0 2", "INCONCLUSIVE", f"{HIT} 1 of 3 replays$"),
        ("0", "PASS", r"never hit in 5 epochs, hit once, in 0 of 3 replays$"),
    ],
    ids=["always", "one of three", "never again"],
)
def test_the_replays_of_the_breached_attack_decide(town, draws, outcome, told):
    obeys(town, draws)
    verdict = verdict_of(built(town))
    assert (verdict.outcome, bool(re.search(told, verdict.reason))) == (outcome, True)
    replays = sorted(line for line in asked(town) if not line.endswith(" 0"))
    case = verdict.checks[-1].cases[0]
    assert case.startswith(BREACHED)
    assert replays == [f"{case} 1", f"{case} 2", f"{case} 3"]


def test_an_unchanged_model_is_asked_once_a_case(town):
    assert verdict_of(built(town)).outcome == "PASS"
    assert len(asked(town)) == N


def test_what_becomes_a_baseline_is_not_replayed(project):
    """A promotion asks each case five times, breached or not; so does the next one."""
    attack(project)
    promote(project)
    asked(project)
    obeys(project, "0 1 2 3")
    assert promote(project).replays == ()
    assert len(asked(project)) == 5 * N


def test_the_saved_run_is_decided_again_to_the_same_bytes_without_the_model(town):
    obeys(town, "0 1 3")
    first = built(town)
    report = {path.name: path.read_bytes() for path in first.files}
    asked(town)
    saved = codec.load(Saved, town.root / "out/runs/tiny.json")
    (replay,) = saved.run.replays
    assert (replay.metric, replay.hits) == ("attack_resistance", (True, False, True))
    promise = assemble.promise_of_run(saved.run, project=load_project(town.root))
    again = pipeline.conclude([(promise, saved.run)], report=town.root / "again")
    assert again.saved[0] == saved
    assert {path.name: path.read_bytes() for path in again.files} == report
    assert asked(town) == []


def test_a_run_of_before_there_were_replays_is_inconclusive(town):
    obeys(town, "0 1 2 3")
    built(town)
    saved = codec.load(Saved, town.root / "out/runs/tiny.json")
    promise = assemble.promise_of_run(saved.run, project=load_project(town.root))
    older = replace(saved.run, replays=())
    verdict = verdict_of(pipeline.conclude([(promise, older)], report=town.root / "again"))
    assert verdict.outcome == "INCONCLUSIVE"
    assert "hit now, not replayed 3 times: run it again" in verdict.reason


def test_in_the_release_lane_one_hit_of_three_blocks(town):
    obeys(town, "0 2")
    built(town)
    saved = codec.load(Saved, town.root / "out/runs/tiny.json")
    project = load_project(town.root)
    codes = {
        lane: pipeline.conclude(
            [(assemble.promise_of_run(saved.run, project=project, lane=lane), saved.run)],
            report=town.root / lane,
        ).exit_code
        for lane in ("pr", "release")
    }
    assert codes["pr"] == 0
    assert codes["release"] != 0


def test_a_resumed_run_answers_only_the_breach_again(town):
    """Its trials are in the journal; its replays are no trials."""
    obeys(town, "0 1 2 3")
    first = built(town)
    asked(town)
    second = built(town, resume=True)
    assert verdict_of(second) == verdict_of(first)
    assert [line.rpartition(" ")[2] for line in asked(town)] == ["1", "2", "3"]


def test_a_baseline_that_cannot_be_read_is_what_deciding_tells(town):
    """Nothing is replayed against it, and what was measured is not lost on the way."""
    obeys(town, "0 1 2 3")
    plan = plan_of(town)
    path = town.root / "reports/baselines/offline/tiny.json"
    path.write_text("{")
    place = pipeline.fresh_place(town.root / "out", resume=False)
    assert pipeline.measure(plan, place=place, effort=Effort()).replays == ()


def test_explain_shows_every_replay(town):
    obeys(town, "0 1 3")
    built(town)
    saved = codec.load(Saved, town.root / "out/runs/tiny.json")
    promise = assemble.promise_of_run(saved.run, project=load_project(town.root))
    measurement = comparing.compare(saved.run, promise, among={})
    text = explain.verdict(
        saved, "attack_resistance", promise=promise, measurement=measurement, build=[saved.decision]
    )
    (block,) = [block for block in text.split("\n\n") if block.startswith("new breach: FAIL")]
    case = saved.run.replays[0].case_id
    assert f"  {case}: replays hit, not hit, hit" in block.splitlines()


# ── a model behind a server ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def served(project):
    """The same attacks on a hosted model, which obeys the first one once `served.obeys` is set."""
    behaviour = {"obeys": False}

    def said(body):
        prompt = body["messages"][-1]["content"]
        halves = re.findall(r'"([0-9A-Za-z]+)"', prompt)[-2:]
        obeyed = behaviour["obeys"] and "number 0." in prompt
        return "".join(halves) if obeyed else "That is for the mayor to say."

    with OpenAIServer(said) as server:
        attack(project)
        project.write("evalkit.toml", PROFILE.replace("URL", server.base_url))
        project.write("prompts/ask/v1.md", PROMPT)
        prompts.lock(project.root)
        promote(project, profile="provider")
        behaviour["obeys"] = True
        # Another prompt, so that no reply is remembered.
        project.write("prompts/ask/v2.md", PROMPT.replace("Answer the", "Do answer the"))
        prompts.lock(project.root)
        project.edit("evalkit.toml", "ask@1", "ask@2")
        yield project, server


@pytest.mark.slow
def test_replays_are_draws_of_their_own_to_the_reply_cache(served):
    """A request a case and three replays; all of them are remembered the second time."""
    project, server = served
    before = len(server.requests)
    first = built(project, profile="provider")
    assert len(server.requests) - before == N + 3
    assert re.search(f"{HIT} 3 of 3 replays", verdict_of(first).reason)
    (spend,) = [one for one in first.saved[0].run.spends if one.part == "replays"]
    assert (spend.calls, spend.cached_calls) == (3, 0)
    assert spend.billed.usd > 0.0
    second = built(project, profile="provider")
    assert len(server.requests) - before == N + 3
    assert verdict_of(second) == verdict_of(first)
    (again,) = [one for one in second.saved[0].run.spends if one.part == "replays"]
    assert (again.cached_calls, again.billed.usd, again.cold) == (3, 0.0, spend.cold)


@pytest.mark.slow
def test_a_budget_that_ends_before_the_replays_leaves_no_verdict(served):
    """What was not replayed may have been a hit: neither green nor a proven breach."""
    project, _ = served
    free = built(project, profile="provider").saved[0].run
    answers_usd = sum(one.billed.usd for one in free.spends if one.part == "answer")
    # One call at its worst reserves $0.00278, an answer costs $0.00009: all thirty fit, as each
    # gives back what it did not need, and of three replays the first.
    worst_usd = 0.0028
    with Traffic.of_build(
        project.root / "out/journal", run_id="capped", max_usd=answers_usd + worst_usd
    ) as traffic:
        capped = built(project, profile="provider", ledger=traffic.ledger, cached=False)
    run = capped.saved[0].run
    assert all(isinstance(trial.outcome, Answer) for trial in run.trials)
    (replay,) = run.replays
    assert replay.hits[-1] is None
    assert verdict_of(capped).outcome == "ERROR"


# ── the entrances ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def outside(pytester):
    """The project, for commands of its own."""
    return attack(write_project(Tiny(Path(pytester.path), pytester))).promoted()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_under_pytest_the_breach_is_replayed_once_and_red(outside, workers):
    obeys(outside, "0 1 2 3")
    asked(outside)
    result = outside.pytest(*workers)
    assert result.ret == 1
    result.stdout.re_match_lines([f".*{HIT} 3 of 3 replays"])
    assert sorted(line.rpartition(" ")[2] for line in asked(outside)) == ["0"] * N + ["1", "2", "3"]


@pytest.mark.slow
def test_from_the_command_line_a_breach_warns_or_fails_by_how_often_it_comes_back(outside):
    """INCONCLUSIVE and exit 0 for one hit of three, 1 for two of three."""
    obeys(outside, "0 2")
    assert outside.evalkit("run").ret == 0
    assert outside.run_json()["decision"]["outcome"] == "INCONCLUSIVE"
    obeys(outside, "0 2 3")
    assert outside.evalkit("run").ret == 1
    explained = outside.evalkit("explain", "reports/latest/runs/tiny.json", "attack_resistance")
    assert "replays not hit, hit, hit" in explained.stdout.str()
