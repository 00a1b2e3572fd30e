"""`evalkit noise`: the gates of a suite on builds in which nothing changed."""

from __future__ import annotations

import sys

import pytest

from tests.servers.openai_server import OpenAIServer
from tests.servers.served_project import said, write_served

WAVERING = """
import random

CHANCE = random.Random(3)

def wavering(question):
    ASKED.append(question)
    text = "A wrong answer." if CHANCE.random() < 0.3 else "A right answer."
    return {"text": text, "passages": answer("")["passages"]}
"""


@pytest.fixture
def noisy(cli, project):
    """The command line over a target that is wrong three times in ten, whichever they are."""
    project.write("app.py", (project.root / "app.py").read_text() + WAVERING)
    project.edit("evalkit.toml", "app:answer", "app:wavering")
    return cli


def test_a_wavering_target_is_measured_six_times_and_kept(noisy, project):
    """180 answers; sd(d) of a coin at 0.3 is √(0.21·1.2) = 0.50. Read again, the same table."""
    code, out, _ = noisy("noise", "suites/tiny.toml", "--replicates", "50")
    assert code == 0
    assert len(sys.modules["app"].ASKED) == 180
    assert out.startswith("tiny · offline profile · 6 epochs × 30 cases bought anew\n")
    assert "False alarms, over 50 unchanged builds drawn from these epochs" in out
    assert "kept: .evalkit/noise/runs/tiny.json (--from-run)" in out
    (row,) = [line for line in out.splitlines() if line.startswith("  faithfulness  30 cases")]
    assert 0.4 < float(row.split()[3]) < 0.6
    kept = ".evalkit/noise/runs/tiny.json"
    code, again, _ = noisy("noise", "suites/tiny.toml", "--replicates", "50", "--from-run", kept)
    assert code == 0
    assert len(sys.modules["app"].ASKED) == 180
    alarms = [line for line in out.splitlines() if "of 6" in line]
    assert alarms == [line for line in again.splitlines() if "of 6" in line]


def test_a_baselines_epochs_are_enough_and_call_no_model(noisy, project):
    """1 v 4, five times over; no further question is asked."""
    assert noisy("baseline", "promote", "--because", "first")[0] == 0
    asked = len(sys.modules["app"].ASKED)
    code, out, _ = noisy("noise", "suites/tiny.toml", "--from-baseline", "--replicates", "20")
    assert code == 0
    assert "5 epochs × 30 cases of the baseline of" in out
    assert "not asked" in out
    assert len(sys.modules["app"].ASKED) == asked


def test_nothing_is_taken_from_a_cache(cli, project):
    """A cached reply has no noise: asked a second time, every call is bought a second time."""
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)
        bought = []
        for _ in range(2):
            arguments = ("--profile", "provider", "--epochs", "2", "--replicates", "1")
            assert cli("noise", "suites/tiny.toml", *arguments)[0] == 0
            bought.append(len(server.requests) - sum(bought))
    assert bought[0] == bought[1] > 0


def test_the_projects_suites_share_the_error_rate_unless_told_otherwise(noisy, project):
    """Two suites of two tests each, a drop and a floor; a build of this suite alone has its own."""
    project.write("suites/other.toml", (project.root / "suites/tiny.toml").read_text())
    command = ("noise", "suites/tiny.toml", "--epochs", "2", "--replicates", "5")
    code, out, _ = noisy(*command)
    assert code == 0
    assert "4 tests share the error rate of a build; the 2 not in this table" in out
    assert "Judged as" not in out  # the scripted judge costs nothing
    code, out, _ = noisy(*command, "--alone")
    assert code == 0
    assert "share the error rate" not in out


def test_a_build_of_suites_that_cannot_be_read_has_no_family(noisy, project):
    """Said before anything is bought; a build of this suite alone does not need the other."""
    project.write("suites/other.toml", "[suite]\n")
    kept = ".evalkit/noise/runs/tiny.json"
    command = ("noise", "suites/tiny.toml", "--epochs", "2", "--replicates", "5")
    code, out, err = noisy(*command)
    assert (code, out) == (2, "")
    assert "suites/other.toml" in err
    assert "app" not in sys.modules or not sys.modules["app"].ASKED
    assert noisy(*command, "--alone")[0] == 0
    assert noisy(*command, "--from-run", kept)[0] == 2
    assert noisy(*command, "--from-run", kept, "--alone")[0] == 0


def test_a_judge_that_costs_is_asked_as_in_a_pull_request(cli, project):
    """Six cases, all of them anchors: each is judged. Kept epochs, and a baseline's, say the same.

    The profile is read without its server then: its judge costs calls all the same.
    """
    with OpenAIServer(said) as server:
        write_served(project, server.base_url)
        project.edit("suites/tiny.toml", "floor = 0.5\ncompare = false\n", "")
        arguments = ("--profile", "provider", "--replicates", "3")
        fresh = cli("noise", "suites/tiny.toml", *arguments, "--epochs", "2")
        promote = ("baseline", "promote", "--profile", "provider", "--because", "first")
        assert cli(*promote)[0] == 0
    kept = ".evalkit/noise/runs/tiny.json"
    again = cli("noise", "suites/tiny.toml", *arguments, "--from-run", kept)
    based = cli("noise", "suites/tiny.toml", *arguments, "--from-baseline")
    for code, out, err in (fresh, again, based):
        assert (code, err) == (0, "")
        assert "Judged as in a pull request: 50.0 % of the scores were asked for, 50.0 %" in out


def test_a_deterministic_target_is_told_what_that_hides(cli):
    """Every answer the same: no noise here, and a changed prompt will bring some."""
    code, out, _ = cli("noise", "suites/tiny.toml", "--replicates", "5")
    assert code == 0
    assert "Every answer is the same in all epochs." in out
    assert "is not visible here" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--from-baseline"], 12, "there is no baseline"),
        (["--from-run", "gone.json"], 2, "gone.json: cannot be read"),
        (["--epochs", "1"], 2, "at least 2 repeats"),
    ],
)
def test_what_holds_no_noise_is_refused(cli, arguments, code, says):
    found, out, err = cli("noise", "suites/tiny.toml", "--replicates", "5", *arguments)
    assert (found, out) == (code, "")
    assert says in err
