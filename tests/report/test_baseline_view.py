"""A baseline is named by its commit, and by its age on the day of the run."""

from __future__ import annotations

from dataclasses import replace

from evalkit.report.baseline_view import baseline_note, in_short
from tests.builders import make_baseline

AT = "2026-11-22T08:00:00+00:00"
BASELINE = replace(
    make_baseline({"f": {"a": 0.9}}),
    commit="9f2c1abe77d1ffff",
    promoted_at="2026-11-19T07:00:00+00:00",
    promoted_by="Ada",
    because="prompt v2",
)


def note(baseline=BASELINE, **other):
    return baseline_note(baseline, started_at=AT, **other)


def test_a_note_holds_commit_age_epochs_and_why():
    found = note()
    assert (found.commit, found.age) == ("9f2c1abe77d1", "3 days old")
    assert found.epochs == f"{BASELINE.epochs} epochs"
    assert found.because == "prompt v2 (Ada)"


def test_who_promoted_is_named_only_with_a_reason():
    assert note(replace(BASELINE, because="")).because == ""
    assert note(replace(BASELINE, promoted_by="")).because == "prompt v2"


def test_without_the_file_the_name_is_what_is_left():
    assert note(None) is None
    found = note(None, named="9f2c1ab of 2026")
    assert (found.commit, found.age, found.epochs) == ("9f2c1ab of 2026", "", "")


def test_in_short():
    assert in_short(None) == "no baseline"
    assert in_short(note()) == "baseline 9f2c1abe77d1, 3 days old"
    nothing = replace(BASELINE, commit="", promoted_at="2126-01-01T00:00:00+00:00")
    assert in_short(note(nothing)) == "baseline of unknown age"
