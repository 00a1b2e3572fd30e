"""`evalkit run`, and what is made of saved runs, with their exit codes."""

from __future__ import annotations

import sys

import pytest

RUN = "reports/latest/runs/tiny.json"


# ── evalkit run ──────────────────────────────────────────────────────────────────────────────────


def test_a_green_run_prints_its_table_and_exits_with_0(promoted, project):
    """The table and the path of the report; on stderr only what is being measured."""
    code, out, err = promoted("run")
    assert (code, err) == (0, "tiny: 30 cases\n")
    assert "faithfulness     1.000  1.000" in out
    assert out.endswith("report: reports/latest/report.html\n")
    assert (project.root / RUN).is_file()


def test_a_red_run_exits_with_1(promoted, project):
    """A failed gate is a verdict on stdout, not a complaint on stderr."""
    project.edit("evalkit.toml", "app:answer", "app:worse")
    code, out, err = promoted("run")
    assert (code, err) == (1, "tiny: 30 cases\n")
    assert "FAIL: faithfulness: dropped by 1.000" in out


def test_a_run_without_a_baseline_exits_with_12(cli):
    """And says which command makes one."""
    code, out, _ = cli("run")
    assert code == 12
    assert "evalkit baseline promote suites/tiny.toml --profile offline" in out


def test_a_run_writes_where_it_is_told(promoted, project):
    """--report takes every file along."""
    code, out, _ = promoted("run", "suites/tiny.toml", "--report", "elsewhere")
    assert code == 0
    assert out.endswith("report: elsewhere/report.html\n")
    assert (project.root / "elsewhere/runs/tiny.json").is_file()
    assert not (project.root / "reports/latest").exists()


def test_a_run_that_spent_its_budget_is_no_measurement(cli, project):
    """Two dollars an answer and three to spend: two are paid, 28 refused, and that is 11."""
    project.edit("evalkit.toml", '"app:answer"', '"app:counted"\nprice = { input = 2.0 }')
    assert cli("baseline", "promote", "--because", "a test needs one")[0] == 0
    code, out, _ = cli("run", "--max-usd", "3", "--concurrency", "1")
    assert code == 11
    assert "not measured: 28 of 30" in out


def test_a_resumed_run_asks_nothing_twice(cli, project):
    """The journal has every answer: none of the 30 questions is asked again. Without, all are."""
    project.edit("evalkit.toml", "app:answer", "app:counted")
    assert cli("run")[0] == 12
    asked = sys.modules["app"].ASKED
    assert len(asked) == 30
    assert cli("run", "--resume")[0] == 12
    assert len(asked) == 30
    assert cli("run")[0] == 12
    assert len(asked) == 60


def test_a_journal_of_another_run_is_not_resumed(cli, project):
    """The target is another one now: exit 2 rather than a mixture."""
    assert cli("run")[0] == 12
    project.edit("evalkit.toml", "app:answer", "app:worse")
    code, out, err = cli("run", "--resume")
    assert (code, out) == (2, "")
    assert "this journal belongs to another run" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.toml"], "gone.toml: no suite (a .toml file) here"),
        (["--profile", "offlin"], "unknown profile 'offlin'. Did you mean offline?"),
    ],
)
def test_a_run_of_what_is_not_there_exits_with_2(promoted, arguments, says):
    """Usage: nothing was measured, nothing is written to stdout."""
    code, out, err = promoted("run", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("evalkit: ")
    assert says in err


def test_a_suite_that_cannot_be_used_exits_with_2_and_all_its_problems(promoted, project):
    """Two slips, two lines."""
    project.edit("suites/tiny.toml", "floor = 0.8", "flor = 0.8\nmargn = 0.05")
    code, _, err = promoted("run")
    assert code == 2
    assert len(err.splitlines()) == 2


# ── saved runs ───────────────────────────────────────────────────────────────────────────────────


def test_a_saved_run_is_decided_by_todays_gates(promoted, project):
    """Green yesterday; with a floor of 1 that must be passed beyond doubt it is not."""
    assert promoted("run")[0] == 0
    assert promoted("regate", RUN, "--report", "again")[0] == 0
    project.edit("evalkit.toml", "app:answer", "app:gone")  # not needed: nothing is asked
    project.edit("suites/tiny.toml", "floor = 0.8", "min_cases = 31")
    project.edit("suites/tiny.toml", "[suite]", '[suite]\ninconclusive = "fail"')
    assert promoted("regate", RUN, "--report", "again")[0] == 10


def test_saved_runs_are_rendered_again(promoted, project):
    """Every file is named, and is what the build wrote."""
    promoted("run")
    code, out, _ = promoted("report", RUN, "--report", "again")
    assert code == 0
    assert out.split() == ["again/report.html", "again/report.md", "again/junit.xml"]
    for name in ("report.html", "report.md", "junit.xml"):
        first = (project.root / "reports/latest" / name).read_bytes()
        assert (project.root / "again" / name).read_bytes() == first


def test_a_release_is_rendered_again_as_one(promoted, project):
    """In its lane to the same bytes; in the other, the release baseline is not there."""
    promoted("baseline", "pin", "--because", "release 1.0")
    assert promoted("run", "--lane", "release")[0] == 0
    first = (project.root / "reports/latest/report.html").read_bytes()
    promoted("report", RUN, "--report", "again", "--lane", "release")
    assert (project.root / "again/report.html").read_bytes() == first
    assert b"Release baseline" in first
    promoted("report", RUN, "--report", "other")
    assert b"Release baseline" not in (project.root / "other/report.html").read_bytes()


def test_a_saved_run_becomes_a_table(promoted, project):
    """30 cases and one metric are 30 rows under a head."""
    promoted("run")
    code, out, _ = promoted("export", RUN, "run.csv")
    assert (code, out) == (0, "run.csv\n")
    assert len((project.root / "run.csv").read_text().splitlines()) == 31


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["regate", "gone.json"], "gone.json: cannot be read"),
        (["report", "evalkit.toml"], "not valid JSON"),
        (["export", "gone.json", "run.csv"], "gone.json: cannot be read"),
        (["export", RUN, "run.xls"], "Allowed: .csv, .parquet."),
    ],
)
def test_what_is_no_saved_run_exits_with_2(cli, arguments, says):
    """The file is named, and what is wrong with it."""
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert says in err
