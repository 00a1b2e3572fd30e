"""What people read, as they read it: look at a change here before accepting it."""

from __future__ import annotations

from evalkit.report.junit import report_junit
from evalkit.report.markdown import report_markdown
from evalkit.report.terminal import summary
from evalkit.report.view import report_view
from tests.report import instrumented, sample


def small():
    saved, baselines = sample.build()
    quality, baseline = sample.quality(24)
    return [quality, *saved[1:]], [baseline, *baselines[1:]]


def judged():
    saved, baseline, release = instrumented.quality()
    return report_view(
        [saved],
        baselines=[baseline],
        calibrations=[instrumented.CALIBRATIONS],
        releases=[release],
        judged=instrumented.JUDGED,
        lane="release",
    )


def test_terminal(snapshot):
    saved, baselines = small()
    shown = [summary(suite) for suite in report_view(saved, baselines=baselines).suites]
    assert "\n\n".join("\n".join(lines) for lines in shown) == snapshot


def test_terminal_of_a_judged_release(snapshot):
    """Looks, known scores, labels for the judge, a replay and a release baseline."""
    shown = "\n".join(summary(judged().suites[0]))
    assert shown == snapshot


def test_markdown_of_a_judged_release(snapshot):
    assert report_markdown(judged()) == snapshot


def test_markdown(snapshot):
    saved, baselines = small()
    assert report_markdown(report_view(saved, baselines=baselines)) == snapshot


def test_junit(snapshot):
    saved, baselines = small()
    assert report_junit(report_view(saved[1:], baselines=baselines[1:])).decode() == snapshot
