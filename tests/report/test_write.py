"""All files or none, and the same bytes from the same records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.report.view import report_view
from evalkit.report.write import write_reports
from tests.report import sample


def test_the_same_records_give_the_same_files(tmp_path):
    written = []
    for name in ("one", "two"):
        saved, baselines = sample.build()
        view = report_view(saved, baselines=baselines, margins=sample.MARGINS)
        paths = write_reports(tmp_path / name, view)
        assert [path.name for path in paths] == ["report.html", "report.md", "junit.xml"]
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]


def test_the_path_and_the_time_of_writing_are_not_in_them(tmp_path):
    saved, _ = sample.passing()
    for path in write_reports(tmp_path / "somewhere", report_view([saved])):
        assert b"somewhere" not in path.read_bytes()


def test_an_old_report_stays_where_a_new_one_cannot_be_rendered(tmp_path):
    """A lone surrogate reached the headline, which UTF-8 cannot carry: no file was touched."""
    saved, _ = sample.passing()
    view = report_view([saved])
    before = [path.read_bytes() for path in write_reports(tmp_path, view)]
    with pytest.raises(UnicodeEncodeError):
        write_reports(tmp_path, replace(view, headline="\ud800"))
    names = ["report.html", "report.md", "junit.xml"]
    assert [(tmp_path / name).read_bytes() for name in names] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
