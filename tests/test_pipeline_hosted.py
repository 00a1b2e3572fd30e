"""Builds on models behind a server: calls are counted, capped, cached, recorded and replayed."""

from __future__ import annotations

import pytest

from evalkit import prompts
from evalkit.calls.traffic import Traffic
from evalkit.records import Failure, Score, Unscored
from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import TOWNS, build_of, said, write_served

CAP = 0.02
"""Dollars: less than the 24 calls of the served project cost, more than some of them reserve."""


# ── models behind a server ───────────────────────────────────────────────────────────────────────

N = len(TOWNS)


@pytest.fixture
def server():
    with OpenAIServer(said) as running:
        yield running


@pytest.fixture
def served(project, server):
    return write_served(project, server.base_url)


def hosted(project, **how):
    return build_of(project, profile="provider", **how).saved[0].run


def test_calls_are_requests_and_what_was_cached(served, server):
    """4 calls a case, none cached at first, all the second time: the rows add up to the requests.

    Scores and cold costs are the same to the last digit; only what was billed differs.
    """
    runs = []
    for requests, cached in ((4 * N, 0), (0, 4 * N)):
        before = len(server.requests)
        runs.append(hosted(served))
        spends = runs[-1].spends
        assert len(server.requests) - before == requests
        assert sum(spend.calls for spend in spends) == requests + cached
        assert sum(spend.cached_calls for spend in spends) == cached
    first, second = runs
    assert all(isinstance(score, Score) for score in first.scores)
    assert second.scores == first.scores
    assert [spend.cold for spend in second.spends] == [spend.cold for spend in first.spends]
    assert [spend.billed for spend in first.spends] == [spend.cold for spend in first.spends]
    assert {spend.billed.usd for spend in second.spends} == {0.0}


def test_the_run_costs_what_the_server_counted(served, server):
    """Tokens of every reply at the price of its role: $1 and $4, $2 and $8 a million."""
    run = hosted(served)
    prices = {"small": (1.0, 4.0), "large": (2.0, 8.0)}
    usd = {"small": 0.0, "large": 0.0}
    for seen in server.requests:
        usage, (input_, output) = server.completion(seen.body)["usage"], prices[seen.body["model"]]
        taken = usage["prompt_tokens"] * input_ + usage["completion_tokens"] * output
        usd[seen.body["model"]] += taken / 1e6
    target = sum(spend.billed.usd for spend in run.spends if spend.part == "answer")
    judge = sum(spend.billed.usd for spend in run.spends if spend.part != "answer")
    assert target == pytest.approx(usd["small"])
    assert judge == pytest.approx(usd["large"])
    assert sum(trial.outcome.cost.usd for trial in run.trials) == pytest.approx(usd["small"])


def test_another_prompt_asks_the_judge_only_about_other_answers(served, server):
    """The answers come out the same under it: 6 requests to the target, none to the judge."""
    hosted(served)
    served.write("prompts/ask/v2.md", (served.root / "prompts/ask/v1.md").read_text().replace(
        "from the passages", "from these passages"))  # fmt: skip
    served.edit("evalkit.toml", "ask@1", "ask@2")
    prompts.lock(served.root)
    before = len(server.requests)
    hosted(served)
    assert [one.body["model"] for one in server.requests[before:]] == ["small"] * N


def traffic(project, run_id, *, usd=None, **how):
    """As a build of this project has it."""
    return Traffic.of_build(project.root / "out/journal", run_id=run_id, max_usd=usd, **how)


def with_budget(project, run_id, usd, *, resume=False, **how):
    with traffic(project, run_id, usd=usd, resume=resume) as around:
        run = hosted(project, resume=resume, ledger=around.ledger, **how)
        return run, around.ledger.spent_usd + around.ledger.reserved_usd


def missing(run):
    """What a run did not evaluate."""
    return [(one.case_id, one.metric) for one in run.scores if isinstance(one, Unscored)]


def test_a_budget_stops_the_run_and_a_resumed_one_goes_on_from_it(served, server):
    """What was refused is not evaluated, never green; what was bought is bought once.

    A budget spent before is not there again: only a larger one lets the rest be bought.
    """
    first, spent = with_budget(served, "one", CAP)
    assert 0.0 < spent <= CAP
    assert 0 < len(missing(first)) < len(first.scores)
    reasons = [one.reason for one in first.scores if isinstance(one, Unscored)]
    assert all("BudgetExceeded" in reason for reason in reasons)
    asked = len(server.requests)
    second, spent_again = with_budget(served, "two", spent, resume=True)
    assert len(server.requests) == asked
    assert spent_again == pytest.approx(spent)
    assert missing(second) == missing(first)
    third, in_all = with_budget(served, "three", 1.0, resume=True)
    assert missing(third) == []
    assert len(server.requests) == 4 * N
    assert sum(spend.billed.usd for spend in third.spends) == pytest.approx(in_all)
    whole, cost = with_budget(served, "whole", 1.0, cached=False)
    assert third.scores == whole.scores
    assert in_all == pytest.approx(cost)


def test_a_replay_asks_nobody_and_a_miss_is_not_green(served, server):
    """Recorded once, the run repeats without a server; a changed question has no recording."""
    with traffic(served, "rec", record=served.root / "rec") as around:
        first = hosted(served, record=around.record)
    asked = len(server.requests)
    with traffic(served, "rep", replay=served.root / "rec") as around:
        again = hosted(served, replay=around.replay)
    assert len(server.requests) == asked
    assert again.scores == first.scores
    served.edit("datasets/tiny/1/cases.jsonl", "How many bees does the mayor of Arden", "How many")
    with traffic(served, "rep", replay=served.root / "rec") as around:
        concluded = build_of(served, profile="provider", replay=around.replay)
    assert len(server.requests) == asked
    assert (concluded.outcome, concluded.exit_code) == ("ERROR", 11)
    (failed,) = [t.outcome for t in concluded.saved[0].run.trials if isinstance(t.outcome, Failure)]
    assert (failed.error_type, "no recording of openai/small" in failed.message) == (
        "NotRecorded", True,
    )  # fmt: skip
