"""`evalkit baseline …`: promoting, showing, comparing."""

from __future__ import annotations

import html
import subprocess

import pytest

BASELINE = "reports/baselines/offline/tiny.json"


def test_promoting_prints_the_file_to_commit(cli, project):
    """Five epochs of 30 cases, and why."""
    code, out, _ = cli("baseline", "promote", "suites/tiny.toml", "--because", "first")
    assert code == 0
    assert out.splitlines()[0].endswith(BASELINE)
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


def test_promoting_ends_with_what_the_epochs_say_of_the_margins(cli):
    """A target that repeats itself: the margin is not known, and why is said."""
    _, out, _ = cli("baseline", "promote", "--because", "first")
    assert "faithfulness  30 cases  0.000    0.05  not known  none" in out
    assert "the noise that a changed prompt will bring is not visible here" in out


def test_a_baseline_says_its_age_and_its_release(promoted, project):
    """None pinned; pinned, it is this one, and the file is named to be committed."""
    _, out, _ = promoted("baseline", "show", "suites/tiny.toml")
    assert "5 epochs, under an hour old\nrelease: none pinned" in out
    code, out, _ = promoted("baseline", "pin", "suites/tiny.toml", "--because", "release 1.0")
    assert code == 0
    assert out.strip().endswith("reports/baselines/offline/tiny.release.json")
    _, out, _ = promoted("baseline", "show", "suites/tiny.toml")
    assert "release: this baseline" in out
    assert "because release 1.0" in out


def test_pinning_without_a_baseline_exits_with_12(cli):
    code, out, err = cli("baseline", "pin", "suites/tiny.toml", "--because", "1.0")
    assert (code, out) == (12, "")
    assert "there is no baseline" in err


def test_a_release_pins_all_suites_or_none(promoted, project):
    """Of two suites one has no baseline: nothing is pinned; with both, both are."""
    folder = project.root / "reports/baselines/offline"
    project.write("suites/twin.toml", (project.root / "suites/tiny.toml").read_text())
    code, out, err = promoted("baseline", "pin", "--because", "release 1.0")
    assert (code, out) == (12, "")
    assert "twin.json" in err
    assert not list(folder.glob("*.release.json"))
    promoted("baseline", "promote", "suites/twin.toml", "--because", "a twin")
    code, out, _ = promoted("baseline", "pin", "--because", "release 1.0")
    assert code == 0
    names = [line.rpartition("/")[2] for line in out.splitlines()]
    assert names == ["tiny.release.json", "twin.release.json"]


def test_the_history_of_a_baseline_is_read_from_git(promoted, project):
    """Outside a repository it says so; inside, every version is a line."""
    code, out, err = promoted("baseline", "history", "suites/tiny.toml")
    assert (code, out) == (2, "")
    assert "this project is in no repository" in err
    git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    for arguments in (["init", "-q"], ["add", "reports"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], cwd=project.root, check=True)
    project.edit("evalkit.toml", "app:answer", "app:worse")
    promoted("baseline", "promote", "--because", "worse on purpose")
    code, out, _ = promoted("baseline", "history", "suites/tiny.toml")
    assert code == 0
    assert out.startswith("tiny · offline profile · 2 versions\n")
    assert "not committed" in out
    assert out.splitlines()[-1].split() == ["faithfulness", "1.000", "0.000"]
    _, out, _ = promoted("baseline", "history", "suites/tiny.toml", "--case", "c07")
    assert "case c07: means over epochs" in out


def test_a_diff_names_the_cases_that_moved(promoted, project):
    """All thirty fell by 1: five are named."""
    before = project.write("before.json", (project.root / BASELINE).read_text())
    project.edit("evalkit.toml", "app:answer", "app:worse")
    promoted("baseline", "promote", "--because", "worse on purpose")
    _, out, _ = promoted("baseline", "diff", str(before), BASELINE)
    assert "faithfulness: 30 down, 0 up of 30; most: c00 1.000 → 0.000 (−1.000)" in out


def test_one_setting_changed_is_named_wherever_what_changed_is_told(promoted, project):
    """Two equal runs say nothing; another version of the target is named in every view."""
    assert promoted("run")[0] == 0
    report = project.root / "reports/latest"
    views = [report.joinpath(name).read_text() for name in ("report.html", "report.md")]
    assert not [view for view in views if "Changed since" in view]
    before = project.write("before.json", (project.root / BASELINE).read_text())
    project.edit("evalkit.toml", '"app:answer"', '"app:answer"\nversion = "2"')
    _, out, _ = promoted("run")
    assert "  changed: target.version none → 2\n" in out
    page, comment = (report.joinpath(name).read_text() for name in ("report.html", "report.md"))
    assert '<span class="item">target.version <b>none → 2</b></span>' in page
    assert "Changed since the baseline: target.version none → 2." in html.unescape(comment)
    _, out, _ = promoted("explain", "reports/latest/runs/tiny.json", "faithfulness")
    assert "  changed since: target.version none → 2\n" in out
    promoted("baseline", "promote", "--because", "the second version")
    _, out, _ = promoted("baseline", "diff", str(before), BASELINE)
    assert "target.version: none → 2\n" in out
    assert "callable-" not in out
    assert "setting target.version 2" in promoted("baseline", "show", "suites/tiny.toml")[1]
