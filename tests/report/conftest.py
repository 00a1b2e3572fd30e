"""A build to render, and a browser to look at it with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.report.view import ReportView, report_view
from tests.report import instrumented, sample


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: looks at the report in headless Chromium")


@pytest.fixture(scope="session")
def view() -> ReportView:
    saved, baselines = sample.build()
    return report_view(saved, baselines=baselines, margins=sample.MARGINS)


@pytest.fixture(scope="session")
def judged_view() -> ReportView:
    """One suite with looks, known scores, labels for its judge, a replay and a release."""
    saved, baseline, release = instrumented.quality()
    return report_view(
        [saved],
        baselines=[baseline],
        margins=sample.MARGINS,
        calibrations=[instrumented.CALIBRATIONS],
        releases=[release],
        judged=instrumented.JUDGED,
        lane="release",
    )


Visit = Callable[[Path], subprocess.CompletedProcess[str]]


@pytest.fixture
def visit(tmp_path) -> Visit:
    """Open a file in headless Chromium; stdout is the page after its scripts."""
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser is None:
        pytest.skip("no Chromium on the path: the report was not opened in a browser")

    def opened(page: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--allow-file-access-from-files",  # the harness reads the report in its frame
                "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--virtual-time-budget=10000",
                "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )

    return opened
