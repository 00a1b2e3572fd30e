"""`evalkit init` and `evalkit doctor`."""

from __future__ import annotations


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
