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
