"""Deselecting hides items; it never takes a case out of a verdict, nor a verdict out of a build."""

from __future__ import annotations

import pytest


@pytest.fixture
def one_bad(tiny):
    """Ten of thirty cases are answered wrongly: mean 0.67, a clear regression."""
    tiny.promoted().edit(
        "app.py", "The answer to {question}",
        "{'A wrong' if int(question.split()[1]) < 10 else 'The'} answer to {question}",
    )  # fmt: skip
    assert tiny.pytest_here().ret == 1
    return tiny


def test_bad_cases_cannot_be_deselected_away(one_bad):
    """With the ten bad cases deselected the gate still decides over all thirty."""
    bad = [f"--deselect=suites/tiny.toml::c{i:02d}" for i in range(10)]
    result = one_bad.pytest_here(*bad)
    assert result.ret == 1
    result.assert_outcomes(passed=21, failed=1, deselected=10)
    result.stdout.fnmatch_lines(["*30 paired cases*"])


def test_selecting_one_case_leaves_the_gates_undecided_and_red(tiny):
    """`-k c07` is for looking at a case; the build says that nothing was decided."""
    result = tiny.promoted().pytest_here("-k", "c07")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*gate[[]faithfulness]*", "*not decided*deselected*"])


def test_selecting_a_gate_measures_its_cases(tiny):
    """A node id of a gate alone is a whole verdict: `--lf` after a red gate works so."""
    result = tiny.promoted().here("suites/tiny.toml::gate[faithfulness]")
    assert result.ret == 0
    result.assert_outcomes(passed=2)  # the coverage gate is decided and reported with it
    assert len(tiny.run_json()["run"]["trials"]) == 30


def test_last_failed_runs_the_red_gate_again(tiny):
    """Break, see red, mend, `--lf`: the red gate runs again, over all cases, and all gates pass."""
    tiny.promoted().edit("app.py", "The answer to", "A wrong answer to")
    run = tiny.pytester.runpytest_subprocess  # a process each: the code changes between them
    assert run("suites").ret == 1
    tiny.edit("app.py", "A wrong answer to", "The answer to")
    result = run("suites", "--lf")
    assert result.ret == 0
    result.assert_outcomes(passed=2)


def test_all_deselected_is_not_green(tiny):
    """pytest's own exit code 5: nothing ran."""
    assert tiny.promoted().pytest_here("-k", "nothing-is-called-this").ret == 5


def test_stopping_at_the_first_failure_leaves_gates_red(tiny):
    """-x after a failing Python test: gates that were not reached are not silently absent."""
    tiny.write("suites/test_first.py", "def test_fails(): assert False\n")
    assert tiny.promoted().pytest_here("-x").ret == 1
