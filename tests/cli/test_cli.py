"""Every command, once as it should go and once as it should not, with its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit import __version__
from evalkit.cli import main
from tests.plugin.conftest import APP

OTHERS = """
ASKED = []

def counted(question):
    ASKED.append(question)
    return {**answer(question), "usage": {"input_tokens": 1_000_000}}

def worse(question):
    return {"text": "A wrong answer.", "passages": answer("")["passages"]}
"""
BASELINE = "reports/baselines/offline/tiny.json"
RUN = "reports/latest/runs/tiny.json"
ROOT = Path(__file__).parent.parent


@pytest.fixture
def cli(project, monkeypatch, capsys):
    """Run a command in the tiny project: its exit code, what it printed, what it complained of."""
    monkeypatch.chdir(project.root)
    project.write("app.py", APP + OTHERS)

    def run(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def promoted(cli):
    """The command line in a project that has a baseline."""
    assert cli("baseline", "promote", "--because", "a test needs one")[0] == 0
    return cli


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


def test_outside_a_project_every_command_says_how_to_make_one(cli, tmp_path_factory, monkeypatch):
    """A folder without evalkit.toml at or above it."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    for command in (["run"], ["prompts", "list"], ["baseline", "show", "suites/tiny.toml"]):
        code, _, err = cli(*command)
        assert code == 2
        assert "`evalkit init` makes one" in err


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


# ── baselines ────────────────────────────────────────────────────────────────────────────────────


def test_promoting_prints_the_file_to_commit(cli, project):
    """Five epochs of 30 cases, and why."""
    code, out, _ = cli("baseline", "promote", "suites/tiny.toml", "--because", "first")
    assert code == 0
    assert out.strip().endswith(BASELINE)
    text = (project.root / BASELINE).read_text()
    assert '"because": "first"' in text
    assert '"epochs": 5' in text


@pytest.mark.parametrize("because", ["", "  "])
def test_promoting_without_a_reason_exits_with_2(cli, project, because):
    """And keeps nothing."""
    with pytest.raises(SystemExit) as stopped:
        cli("baseline", "promote", "--because", because)
    assert stopped.value.code == 2
    assert not (project.root / BASELINE).exists()


def test_a_baseline_is_shown_in_words(promoted):
    """Its head, its reason, its means."""
    code, out, _ = promoted("baseline", "show", "suites/tiny.toml")
    assert code == 0
    assert out.startswith("tiny · offline profile · 30 cases × 5 epochs\n")
    assert "because a test needs one\n" in out
    assert "faithfulness 1\n" in out


def test_showing_no_baseline_exits_with_12(cli):
    """As a run that misses it."""
    code, out, err = cli("baseline", "show", "suites/tiny.toml")
    assert (code, out) == (12, "")
    assert "Mend it with: evalkit baseline promote" in err


def test_two_baselines_are_compared(promoted, project):
    """From 1 to 0 for the same cases."""
    before = project.write("before.json", (project.root / BASELINE).read_text())
    project.edit("evalkit.toml", "app:answer", "app:worse")
    promoted("baseline", "promote", "--because", "worse on purpose")
    code, out, _ = promoted("baseline", "diff", str(before), BASELINE)
    assert code == 0
    assert "faithfulness: 1 → 0 (-1)" in out
    assert promoted("baseline", "diff", "gone.json", BASELINE)[0] == 2


# ── prompts ──────────────────────────────────────────────────────────────────────────────────────

PROMPT = """\
+++
purpose = "Ask."
variables = ["question"]
output_contract = "Text."
why = "A test needs one."
+++
{{ question }}
"""


def test_prompts_are_released_listed_shown_and_compared(cli, project):
    """A draft, a release, a second version; a release that is edited is an error."""
    project.write("prompts/ask/v1.md", PROMPT)
    assert "draft" in cli("prompts", "list")[1]
    assert cli("prompts", "lock")[:2] == (0, "released ask@1\n")
    assert cli("prompts", "lock")[:2] == (0, "")
    project.write("prompts/ask/v2.md", PROMPT.replace("{{", "Say: {{"))
    assert "+Say: {{ question }}" in cli("prompts", "diff", "ask@1", "ask@2")[1].splitlines()
    assert cli("prompts", "show", "ask@1")[1].startswith("prompt     ask@1 (released)\n")
    project.edit("prompts/ask/v1.md", "{{", "Tell: {{")
    code, out, err = cli("prompts", "lock")
    assert (code, out) == (2, "")
    assert "was released and has been edited" in err


@pytest.mark.parametrize("command", [["show", "ask@1"], ["diff", "ask@1", "ask@2"]])
def test_a_prompt_that_is_not_there_exits_with_2(cli, command):
    """With what there is."""
    code, out, err = cli("prompts", *command)
    assert (code, out) == (2, "")
    assert "prompts/ask/v1.md: cannot be read" in err


# ── init, doctor, usage ──────────────────────────────────────────────────────────────────────────


def test_a_new_project_says_what_comes_next(cli, project):
    """Every file written, then the commands to go on with."""
    code, out, _ = cli("init", "new")
    assert code == 0
    assert "new/suites/handbook.toml\n" in out
    assert "Next: " in out
    assert "pytest suites" in out.partition("Next: ")[2]
    assert (project.root / "new/evalkit.toml").is_file()


def test_a_project_is_not_made_over_another(cli):
    """Exit 2, and the file in the way by name."""
    code, out, err = cli("init")
    assert (code, out) == (2, "")
    assert "evalkit.toml: exists; nothing was written" in err


def test_the_doctor_finds_nothing_in_a_sound_project(promoted):
    """A line a finding, every one of them ok."""
    code, out, _ = promoted("doctor")
    assert code == 0
    assert "ok    baseline of tiny fits" in out
    assert "FAIL" not in out


def test_the_doctor_exits_with_2_where_something_is_wrong(cli):
    """Without a baseline a run would be red."""
    code, out, _ = cli("doctor")
    assert code == 2
    assert "FAIL  baseline of tiny: there is no baseline" in out


@pytest.mark.parametrize(
    "arguments",
    [[], ["rnu"], ["baseline"], ["baseline", "promote"], ["run", "--max-usd", "x"], ["export"]],
)
def test_a_command_that_is_none_exits_with_2(cli, arguments):
    """argparse's own code for usage is evalkit's too."""
    with pytest.raises(SystemExit) as caught:
        cli(*arguments)
    assert caught.value.code == 2


def test_the_version_is_the_packages(cli, capsys):
    with pytest.raises(SystemExit) as caught:
        cli("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_concurrency_is_a_whole_number_of_at_least_one(cli, text):
    """Zero slots would wait forever."""
    with pytest.raises(SystemExit) as stopped:
        cli("run", "--concurrency", text)
    assert stopped.value.code == 2


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much"])
def test_a_budget_is_dollars(cli, text):
    """NaN is below nothing: it would never stop a run."""
    with pytest.raises(SystemExit) as stopped:
        cli("run", "--max-usd", text)
    assert stopped.value.code == 2


def test_a_reader_that_leaves_is_no_traceback():
    """`evalkit … | head` ends quietly, and not with 0."""
    listing = [sys.executable, "-m", "evalkit.cli", "prompts", "list"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(listing, stdout=write, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


def test_what_files_say_cannot_write_to_the_terminal(cli):
    """An ESC sequence and a workflow command in a committed baseline are shown as text."""
    because = "first\x1b[2J\n::error::pwned"
    assert cli("baseline", "promote", "--because", because)[0] == 0
    code, out, _ = cli("baseline", "show", "suites/tiny.toml")
    assert code == 0
    assert "pwned" in out
    assert "\x1b" not in out
    assert not any(line.startswith("::") for line in out.splitlines())
