"""All files or none, and the same bytes from the same records."""

from __future__ import annotations

import pytest

from evalkit.report.write import write_reports
from tests.report import sample


def test_the_same_records_give_the_same_files(tmp_path):
    written = []
    for name in ("one", "two"):
        saved, baselines = sample.build()
        paths = write_reports(tmp_path / name, saved, baselines=baselines, margins=sample.MARGINS)
        assert [path.name for path in paths] == ["report.html", "report.md", "junit.xml"]
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]


def test_the_path_and_the_time_of_writing_are_not_in_them(tmp_path):
    saved, _ = sample.passing()
    for path in write_reports(tmp_path / "somewhere", [saved]):
        assert b"somewhere" not in path.read_bytes()


def test_an_old_report_stays_where_a_new_one_cannot_be_rendered(tmp_path):
    saved, _ = sample.passing()
    (old, *_) = write_reports(tmp_path, [saved])
    before = old.read_bytes()
    with pytest.raises(ValueError, match="at least one suite"):
        write_reports(tmp_path, [])
    assert old.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "junit.xml",
        "report.html",
        "report.md",
    ]
