"""The report's files, each replaced whole: a reader never sees half a report."""

from __future__ import annotations

from pathlib import Path

from evalkit import codec
from evalkit.report.html import report_html
from evalkit.report.junit import report_junit
from evalkit.report.markdown import report_markdown
from evalkit.report.view import ReportView


def write_reports(folder: Path, view: ReportView) -> tuple[Path, ...]:
    """Write `report.html`, `report.md` and `junit.xml` of one build into `folder`.

    Everything is rendered before the first file is written.
    """
    files = {
        "report.html": report_html(view).encode(),
        "report.md": report_markdown(view).encode(),
        "junit.xml": report_junit(view),
    }
    for name, data in files.items():
        codec.write_atomic(folder / name, data)
    return tuple(folder / name for name in files)
