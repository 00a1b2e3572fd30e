"""The doctor looks at everything a run would need, and says what to do where it is not fine."""

from __future__ import annotations

import sys

import pytest

from evalkit import doctor
from tests.plugin.conftest import APP
from tests.test_pipeline import promoted


def wrong(project, profile="offline"):
    return [str(f) for f in doctor.examine(project.root, profile=profile) if not f.ok]


def test_a_sound_project_has_no_finding_that_is_wrong(project):
    """Interpreter, packages, project, prompts, suite and baseline, in this order."""
    findings = doctor.examine(promoted(project).root, profile="offline")
    assert [str(finding) for finding in findings if not finding.ok] == []
    texts = [finding.what for finding in findings]
    assert texts[0].startswith("Python 3.")
    assert texts[-4:] == [
        f"project at {project.root}",
        "prompts match prompts.lock",
        "suite tiny: 30 cases, 2 gates",
        "baseline of tiny fits",
    ]


def test_a_folder_below_the_project_is_in_the_project(project):
    """As git finds its own."""
    found = [finding.what for finding in doctor.examine(project.root / "suites", profile="offline")]
    assert f"project at {project.root}" in found


def test_a_missing_baseline_is_found_with_its_command(project):
    """The one thing a new project lacks."""
    (found,) = wrong(project)
    assert found.startswith("FAIL  baseline of tiny: there is no baseline")
    assert "evalkit baseline promote suites/tiny.toml" in found


def test_a_baseline_of_other_data_is_found(project):
    """It is there and cannot be compared with."""
    promoted(project).edit("datasets/tiny/1/cases.jsonl", "question 7", "question seven")
    (found,) = wrong(project)
    assert "dataset digest is" in found


def test_every_suite_is_looked_at_whatever_is_wrong_with_another(project):
    """The broken one with its line, then the sound one with its missing baseline."""
    project.write("suites/a.toml", (project.root / "suites/tiny.toml").read_text() + "\nx = 1\n")
    broken, baseline = wrong(project)
    assert "suites/a.toml:" in broken
    assert baseline.startswith("FAIL  baseline of tiny")


def test_a_prompt_is_looked_at_though_no_suite_uses_it(project):
    """The lock is checked for every prompt, used or not."""
    promoted(project).write("prompts/ask/v1.md", "+++\n")
    assert "is not released" in "\n".join(wrong(project))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("evalkit.toml", "[targts]\n", "unknown table 'targts'"),
        ("suites/tiny.toml", "", "missing table [suite]"),
    ],
)
def test_a_file_that_cannot_be_used_is_found(project, name, text, says):
    """As a run would say it."""
    project.write(name, text)
    assert says in "\n".join(wrong(project))


def test_a_project_without_suites_is_found(project):
    """Nothing is promised, so nothing could ever be red."""
    (project.root / "suites/tiny.toml").unlink()
    (found,) = wrong(project)
    assert "no suite" in found


def test_no_project_is_the_last_finding(tmp_path):
    """The environment is still looked at."""
    *environment, last = doctor.examine(tmp_path, profile="offline")
    assert all(finding.ok for finding in environment)
    assert "`evalkit init` makes one" in last.what


def test_a_missing_package_is_wrong_and_a_missing_extra_is_not():
    """A name that is nowhere installed, asked for in both ways."""
    needed, extra = doctor._package("no-such-package"), doctor._extra("no-such-package")
    assert (needed.ok, extra.ok) == (False, True)
    assert "reinstall" in needed.what
    assert "optional" in extra.what


def test_the_doctor_measures_nothing(project):
    """It is free: the target is made, and not asked."""
    project.write("app.py", f"{APP}\nASKED = []\ndef counted(q): ASKED.append(q); return q\n")
    project.edit("evalkit.toml", "app:answer", "app:counted")
    doctor.examine(project.root, profile="offline")
    assert sys.modules["app"].ASKED == []
    assert not (project.root / "reports/latest").exists()
