"""A cap through the real commands: never passed, an ERROR by name, and resumed without loss.

The bill is counted where the requests arrive.
"""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.integration.wikipedia import wikipedia

pytestmark = pytest.mark.slow

N = 8
ENOUGH = "10"
GATE = """\
[gates.faithfulness]
floor = 0.80
compare = false
"""
"""Needs no baseline; of eight cases it says that they are too few, which is no error."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Requests and dollars of a run without a cap."""
    with small(tmp_path_factory.mktemp("whole")) as project:
        done = project.evalkit("run", "--profile", "provider")
        assert done.returncode == 0, done.stdout + done.stderr
        return sum_of(project.asked()), project.owed_usd


@pytest.fixture
def fresh(tmp_path):
    with small(tmp_path) as project:
        yield project


@contextmanager
def small(folder):
    with wikipedia(folder / "project", n=N) as project:
        suite = project.root / "suites/rag.toml"
        suite.write_text(suite.read_text().partition("[gates")[0] + GATE)
        yield project


def sum_of(asked):
    answers, judged = asked
    return answers + sum(judged.values())


def command(project, cap, *more):
    return project.evalkit("run", "--profile", "provider", "--max-usd", cap, *more)


def workers(project, cap, *more):
    resumed = ["--evalkit-resume"] if more else []
    return project.pytest("-n", "2", "--evalkit-max-usd", cap, *resumed)


@pytest.mark.parametrize(("run", "red"), [(command, 11), (workers, 1)], ids=["command", "xdist"])
def test_a_cap_below_the_cost_stops_the_run_and_a_larger_one_buys_the_rest(fresh, whole, run, red):
    """Of eight cases a part is paid for; what was refused is an ERROR, and is made when resuming.

    A call is reserved at its worst case before it is sent, so not even one in flight passes the
    cap; and no request is sent twice.
    """
    requests, usd = whole
    cap = 0.6 * usd
    stopped = run(fresh, f"{cap:.6f}")
    output = stopped.stdout + stopped.stderr
    assert stopped.returncode == red, output
    assert "BudgetExceeded" in output
    outcomes = {one["outcome"] for one in fresh.saved()["decision"]["verdicts"]}
    assert outcomes == {"ERROR"}
    assert 0 < fresh.owed_usd <= cap
    billed = sum(spend["billed"]["usd"] for spend in fresh.saved()["run"]["spends"])
    assert billed == pytest.approx(fresh.owed_usd, rel=1e-6)
    before = sum_of(fresh.asked())
    resumed = run(fresh, ENOUGH, "--resume")
    output = resumed.stdout + resumed.stderr
    assert resumed.returncode == 0, output
    assert "BudgetExceeded" not in output
    assert {score["type"] for score in fresh.saved()["run"]["scores"]} == {"Score"}
    assert before + sum_of(fresh.asked()) == requests
    assert fresh.owed_usd == pytest.approx(usd, rel=1e-9)
    billed = sum(spend["billed"]["usd"] for spend in fresh.saved()["run"]["spends"])
    assert billed == pytest.approx(usd, rel=1e-6), "over both executions"


def test_resuming_with_a_cap_that_is_spent_buys_nothing(fresh, whole):
    """The account goes on from where the first execution left it."""
    _, usd = whole
    command(fresh, f"{0.5 * usd:.6f}")
    owed = fresh.owed_usd
    again = command(fresh, f"{owed:.6f}", "--resume")
    assert again.returncode == 11
    assert "BudgetExceeded" in again.stdout
    assert fresh.owed_usd == owed
