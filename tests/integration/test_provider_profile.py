"""The provider profile end to end: two providers, real SDKs and sockets, the command and pytest.

One project lives through a module: it is run, gets its baseline, is run again, and changed. Each
step is a command of its own, and the servers count what it asked them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from evalkit import codec
from tests.integration.wikipedia import N, wikipedia

pytestmark = pytest.mark.slow

RUN = ("run", "--profile", "provider")
METRICS = {"faithfulness", "answer_relevancy", "context_precision", "context_recall"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a command did: exit code and output, requests to both servers, the run it saved.

    `owed_usd` is what the servers have counted up to then.
    """

    code: int
    output: str
    asked: tuple[int, dict[str, int]]
    owed_usd: float
    saved: dict[str, Any]
    answers: dict[str, str]


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """Every step of the project's life, by name."""
    root = tmp_path_factory.mktemp("wikipedia") / "project"
    steps = {}
    with wikipedia(root) as project:

        def step(name, done):
            output = done.stdout + done.stderr
            steps[name] = Step(
                code=done.returncode,
                output=output,
                asked=project.asked(),
                owed_usd=project.owed_usd,
                saved=project.saved(),
                answers=project.answers(),
            )

        step("first", project.evalkit(*RUN))
        promote = ("baseline", "promote", "--profile", "provider", "--because", "a test")
        step("promoted", project.evalkit(*promote))
        step("unchanged", project.evalkit(*RUN))
        step("estimated", project.evalkit(*RUN, "--estimate"))
        step("pytest", project.pytest())
        project.edit("evalkit.toml", "answer_from_context@2", "answer_from_context@1")
        step("another prompt", project.evalkit(*RUN))
        project.edit("evalkit.toml", "answer_from_context@1", "answer_from_context@2")
        project.edit("evalkit.toml", "gpt-stand-in", "gpt-stand-in-2")
        step("another judge", project.evalkit(*RUN))
    return steps


def outcomes(step):
    return {one["gate"]: one["outcome"] for one in step.saved["decision"]["verdicts"]}


def distinct(step):
    return len(set(step.answers.values()))


def spends(step):
    return step.saved["run"]["spends"]


# ── the gate ─────────────────────────────────────────────────────────────────────────────────────


def test_a_project_without_a_baseline_is_told_so(life):
    """Exit code 12, and the command that makes one; everything was measured all the same."""
    first = life["first"]
    assert first.code == 12, first.output
    assert "evalkit baseline promote suites/rag.toml --profile provider" in first.output
    assert {(score["type"], score["metric"]) for score in first.saved["run"]["scores"]} == {
        ("Score", metric) for metric in METRICS
    }


def test_with_its_baseline_an_unchanged_project_passes(life):
    """Every gate, not only the build as a whole."""
    assert life["promoted"].code == 0, life["promoted"].output
    unchanged = life["unchanged"]
    assert unchanged.code == 0, unchanged.output
    assert set(outcomes(unchanged).values()) == {"PASS"}
    assert set(outcomes(unchanged)) == {
        "faithfulness", "context_recall", "context_precision", "tokens", "coverage",
    }  # fmt: skip


def test_pytest_says_the_same(life):
    """Thirty cases and five gates, all green; the replies are those of the command."""
    assert life["pytest"].code == 0, life["pytest"].output
    assert re.search(rf"\b{N + 5} passed", life["pytest"].output)
    assert life["pytest"].asked == (0, {})


# ── calls a case ─────────────────────────────────────────────────────────────────────────────────


def test_four_metrics_take_at_most_five_calls_a_case(life):
    """Claims, support, usefulness, attribution, reversal: one each, counted where they arrive."""
    answers, judged = life["first"].asked
    assert answers == N
    assert judged == {
        **dict.fromkeys(("claims", "support", "usefulness", "attribution"), N),
        "reversal": distinct(life["first"]),  # the same answer to two questions is read once
    }
    judging = [spend for spend in spends(life["first"]) if spend["part"] in METRICS]
    assert sum(spend["calls"] for spend in judging) == 5 * N


def test_a_baseline_buys_the_four_epochs_it_does_not_have(life):
    """Repeats are independent draws; the first is that of the run before."""
    answers, judged = life["promoted"].asked
    assert answers == 4 * N
    assert sum(judged.values()) == 4 * (4 * N + distinct(life["first"]))


def test_what_was_billed_is_what_the_servers_counted(life):
    """To the cent, and far below it; the cold price counts what two cases share for both."""
    took = spends(life["first"])
    billed, cold = (sum(spend[kind]["usd"] for spend in took) for kind in ("billed", "cold"))
    assert billed == pytest.approx(life["first"].owed_usd, rel=1e-9)
    assert billed <= cold < 1.02 * billed
    assert sum(spend["cached_calls"] for spend in took) == N - distinct(life["first"])


def test_an_estimate_asks_nobody_and_knows_what_the_last_run_took(life):
    """The dollars of the first run, though the last one found everything in the cache."""
    estimated = life["estimated"]
    assert estimated.code == 0, estimated.output
    assert estimated.asked == (0, {})
    assert estimated.output.count("as in the last run") == 2
    (usd,) = re.findall(r"in all: .*\$([\d.]+) with an empty reply cache", estimated.output)
    assert float(usd) == pytest.approx(life["first"].owed_usd, rel=0.02)


# ── only what changed ────────────────────────────────────────────────────────────────────────────


def test_the_second_time_nothing_is_asked_and_the_bytes_are_the_same(life):
    """But for times, and for what this execution paid: nothing."""
    first, unchanged = life["first"], life["unchanged"]
    assert unchanged.asked == (0, {})
    runs = [codec.canonical(codec.without_times(one.saved["run"])) for one in (first, unchanged)]
    assert runs[0] == runs[1]
    assert sum(spend["billed"]["usd"] for spend in spends(unchanged)) == 0.0
    assert all(spend["cached_calls"] == spend["calls"] for spend in spends(unchanged))


def test_of_another_prompt_only_what_depends_on_it_is_asked(life):
    """All answers; of the judge, what is asked about an answer that has changed.

    The passages are the same, so precision and recall, which are about them alone, cost nothing.
    """
    before, after = life["unchanged"].answers, life["another prompt"].answers
    changed = sum(after[case] != before[case] for case in before)
    assert 5 <= changed <= N - 5, "some answers change, some do not"
    answers, judged = life["another prompt"].asked
    assert answers == N
    new = len(set(after.values()) - set(before.values()))
    assert judged == {"claims": changed, "support": changed, "reversal": new}


def test_another_judge_is_asked_everything_and_the_generator_nothing(life):
    """Its verdicts are its own; the baseline of the first judge does not fit them."""
    step = life["another judge"]
    answers, judged = step.asked
    assert answers == 0
    assert judged == life["first"].asked[1]
    assert step.answers == life["unchanged"].answers
    assert step.code == 12
    assert "judge" in step.output
