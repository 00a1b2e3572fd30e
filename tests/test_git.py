"""What git says of a project, and that a project need not be in git."""

from __future__ import annotations

import subprocess

from evalkit import git


def test_the_commit_says_whether_files_differ_from_it(tmp_path):
    """Twelve digits, a plus where a tracked file was edited, nothing outside a repository.

    Baselines, of a project anywhere in it, come out of a commit: promoting one edits nothing.
    """
    assert git.commit(tmp_path) == ""

    def call(*arguments):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    call("init", "-q")
    (tmp_path / "a").write_text("1")
    kept = [tmp_path / "reports/baselines/p/s.json", tmp_path / "deep/reports/baselines/p/s.json"]
    for file in kept:
        file.parent.mkdir(parents=True)
        file.write_text("1")
    call("add", ".")
    call("-c", "user.name=ada", "-c", "user.email=a@example.org", "commit", "-qm", "a")
    clean = git.commit(tmp_path)
    assert len(clean) == 12
    (tmp_path / "b").write_text("not tracked")
    for file in kept:
        file.write_text("2")
    assert git.commit(tmp_path) == git.commit(tmp_path / "deep") == clean
    (tmp_path / "a").write_text("2")
    assert git.commit(tmp_path / "deep") == f"{clean}+"
    assert git.commit(tmp_path) == f"{clean}+"


def test_outside_git_nothing_is_said(tmp_path):
    assert git.said(tmp_path, "rev-parse", "HEAD") is None
    assert git.said(tmp_path / "nowhere", "status") is None


def test_what_git_prints_is_given_whole(tmp_path):
    """A file's last line break is part of it."""
    for arguments in (["init", "-q"], ["config", "user.name", "Ada"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    assert git.said(tmp_path, "config", "user.name") == "Ada\n"
    assert git.user(tmp_path) == "Ada"
