"""A baseline over time: its versions in git, its age, its release, what moved."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from evalkit import baselines, history
from evalkit.errors import DataError
from tests.builders import FINGERPRINT, make_baseline

NOW = "2026-11-22T08:00:00+00:00"
SUITE, PROFILE = FINGERPRINT.suite, FINGERPRINT.profile


def git(root, *arguments):
    given = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *given, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path):
    git(tmp_path, "init", "-q")
    return tmp_path


def baseline(low: float, high: float, because: str = "first"):
    made = make_baseline({"m": {"a": [low] * 5, "b": [high] * 5}})
    cases = tuple(
        replace(c, answers=("d",) * 5, passages=("p",) * 5, latency_s=(0.1,) * 5)
        for c in made.cases
    )
    return replace(made, because=because, cases=cases, schema_version=baselines.SCHEMA_VERSION)


def commit(root, made):
    path = baselines.save(root, made)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", made.because)
    return path


# ── versions ─────────────────────────────────────────────────────────────────────────────────────


def test_every_committed_version_is_read_oldest_first_and_the_folders_last(root):
    """Two commits and an edit that nobody has committed: three versions."""
    commit(root, baseline(0.8, 1.0))
    commit(root, baseline(0.6, 1.0, "a shorter prompt"))
    baselines.save(root, baseline(0.5, 1.0, "not yet"))
    first, second, third = history.versions(root, PROFILE, SUITE)
    assert [v.because for v in (first, second, third)] == ["first", "a shorter prompt", "not yet"]
    assert [v.mean("m") for v in (first, second, third)] == [0.9, 0.8, 0.75]
    assert third.commit == "not committed"
    assert first.commit != second.commit
    assert first.cases["a"] == {"m": 0.8}


def test_a_folder_that_is_committed_shows_no_version_twice(root):
    """Near miss of the above: nothing was edited since."""
    commit(root, baseline(0.8, 1.0))
    assert len(history.versions(root, PROFILE, SUITE)) == 1


def test_a_project_below_the_repositorys_top_has_its_own_history(root):
    """Paths are the project's: another project beside it is not mixed in."""
    commit(root, baseline(0.1, 0.1, "another project"))
    below = root / "below"
    below.mkdir()
    commit(below, baseline(0.8, 1.0, "ours"))
    assert [v.because for v in history.versions(below, PROFILE, SUITE)] == ["ours"]


def test_a_version_of_an_older_layout_is_read_and_a_damaged_one_is_named(root):
    """Schema 1 had no digests; a file that is no JSON is a line, not an error."""
    path = commit(root, baseline(0.8, 1.0))
    old = json.loads(path.read_text())
    old["schema_version"] = 1
    for case in old["cases"]:
        del case["answers"]
    path.write_text(json.dumps(old))
    git(root, "commit", "-qam", "old")
    path.write_text("half a fi")
    git(root, "commit", "-qam", "damaged")
    _, older, damaged = history.versions(root, PROFILE, SUITE)
    assert older.mean("m") == 0.9
    assert "JSONDecodeError" in damaged.damage
    assert "cannot be read: JSONDecodeError" in history.told((older, damaged), now=NOW)


def test_outside_git_and_without_a_baseline_it_says_so(root, tmp_path_factory):
    with pytest.raises(DataError, match="git holds no version of it"):
        history.versions(root, PROFILE, SUITE)
    outside = tmp_path_factory.mktemp("outside")
    baselines.save(outside, baseline(0.8, 1.0))
    with pytest.raises(DataError, match="this project is in no repository"):
        history.versions(outside, PROFILE, SUITE)


def test_versions_in_words_are_a_list_and_a_table(root):
    """Means over cases; with a case, that case's own."""
    commit(root, baseline(0.8, 1.0))
    commit(root, baseline(0.6, 1.0, "a shorter prompt"))
    found = history.versions(root, PROFILE, SUITE)
    lines = history.told(found, now=NOW).splitlines()
    assert lines[0] == "2 versions"
    assert lines[1].endswith(
        "19 Nov 2026, 08:00 UTC (3 days old) · 2 cases × 5 epochs · ada: first"
    )
    assert lines[-2:] == ["        #1     #2", "  m  0.900  0.800"]
    of_case = history.told(found, now=NOW, case_id="a").splitlines()
    assert of_case[-1] == "  m  0.800  0.600"
    with pytest.raises(DataError, match="no version has this case"):
        history.told(found, now=NOW, case_id="c")


def test_only_the_last_versions_have_columns(root):
    """Ten versions are listed, eight are columns, numbered as listed."""
    one = history.Version(commit="c", cases={"a": {"m": 0.5}}, because="x", epochs=5)
    lines = history.told((one,) * 10, now=NOW).splitlines()
    assert "means over cases (the last 8 versions)" in lines
    assert lines[-2].split() == ["#3", "#4", "#5", "#6", "#7", "#8", "#9", "#10"]


def test_each_version_says_what_it_was_made_of_where_that_changed(root):
    """A version without settings, then k = 5, then k = 1, then the same again."""
    commit(root, baseline(0.8, 1.0))
    for number, k in enumerate(("5", "1", "1")):
        made = baseline(0.8 - number / 10, 1.0, f"number {number}")
        target = replace(made.fingerprint, target=f"rag/{k}")
        commit(root, replace(made, fingerprint=target, settings=(("target.retrieve.k", k),)))
    lines = history.told(history.versions(root, PROFILE, SUITE), now=NOW).splitlines()
    assert [line for line in lines if "changed" in line] == [
        "      changed: target rag/1 → rag/5",
        "      changed: target.retrieve.k 5 → 1",
    ]
    assert lines[2].startswith("  #2")
    assert lines[3].startswith("      changed: target rag/1")


# ── age, release, moves ──────────────────────────────────────────────────────────────────────────


def test_a_baseline_says_how_old_it_is_and_what_releases_compare_with(root):
    """None pinned, then this one, then an earlier one."""
    baselines.save(root, baseline(0.8, 1.0))
    none = history.standing(root, PROFILE, SUITE, now=NOW)
    assert none.startswith("5 epochs, 3 days old\nrelease: none pinned")
    assert f"evalkit baseline pin suites/{SUITE}.toml --profile {PROFILE}" in none
    baselines.pin(root, PROFILE, SUITE, because="1.0")
    same = history.standing(root, PROFILE, SUITE, now=NOW)
    assert "release: this baseline, of 2026-11-19T08:00:00+00:00 (3 days old)" in same
    assert same.endswith("because 1.0")
    baselines.save(root, baseline(0.7, 1.0))
    assert "release: an earlier baseline" in history.standing(root, PROFILE, SUITE, now=NOW)


def test_the_cases_that_moved_most_are_named_drops_first():
    """a fell by 0.3, b rose by 0.1, c stayed; a metric that one side lacks is left to the diff."""
    old = make_baseline({"m": {"a": 0.8, "b": 0.5, "c": 1.0}, "gone": {"a": 1.0}})
    new = make_baseline({"m": {"a": 0.5, "b": 0.6, "c": 1.0}, "new": {"a": 1.0}})
    assert history.moved(old, new) == (
        "m: 1 down, 1 up of 3; most: a 0.800 → 0.500 (−0.300), b 0.500 → 0.600 (+0.100)",
    )
    assert history.moved(old, old) == ()


def test_only_the_largest_moves_are_named():
    old = make_baseline({"m": {f"c{i}": 0.5 for i in range(9)}})
    new = make_baseline({"m": {f"c{i}": 0.5 - i / 100 for i in range(9)}})
    (line,) = history.moved(old, new)
    assert line.startswith("m: 8 down, 0 up of 9; most: c8 0.500 → 0.420 (−0.080), c7")
    assert "c4" in line
    assert "c3" not in line
