"""The command line as a whole: usage, where it is run, what it prints."""

from __future__ import annotations

import pytest

from evalkit import __version__


def test_outside_a_project_every_command_says_how_to_make_one(cli, tmp_path_factory, monkeypatch):
    """A folder without evalkit.toml at or above it."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    for command in (["run"], ["prompts", "list"], ["baseline", "show", "suites/tiny.toml"]):
        code, _, err = cli(*command)
        assert code == 2
        assert "`evalkit init` makes one" in err


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


def test_what_files_say_cannot_write_to_the_terminal(cli):
    """An ESC sequence and a workflow command in a committed baseline are shown as text."""
    because = "first\x1b[2J\n::error::pwned"
    assert cli("baseline", "promote", "--because", because)[0] == 0
    code, out, _ = cli("baseline", "show", "suites/tiny.toml")
    assert code == 0
    assert "pwned" in out
    assert "\x1b" not in out
    assert not any(line.startswith("::") for line in out.splitlines())
