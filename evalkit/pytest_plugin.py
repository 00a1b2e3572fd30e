"""The pytest hooks: options, collection, and nothing that costs time where there are no suites.

With the first suite a `Build` is registered as a plugin of its own; it lives in `pytest_suites`,
which only then is imported.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from evalkit.check import Checker
    from evalkit.pytest_suites import SuiteFile

BUILD = "evalkit-build"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--evalkit-*`."""
    add = parser.getgroup("evalkit", "evalkit: the regression gate").addoption
    add("--evalkit-profile", default="offline", metavar="NAME",
        help="what generator, judge and embedder are (default: offline)")  # fmt: skip
    add("--evalkit-report", default="reports/latest", metavar="DIR",
        help="folder of report, runs and journal (default: reports/latest)")  # fmt: skip
    add("--evalkit-concurrency", type=int, metavar="N",
        help="cases in flight at once (default: 8, or what the provider takes)")  # fmt: skip
    add("--evalkit-max-usd", type=float, metavar="USD",
        help="hard cap for the build; what it refuses makes the gates error")  # fmt: skip
    add("--evalkit-deadline", type=float, metavar="SECONDS",
        help="call no model later than this after the start; the gates then error")  # fmt: skip
    add("--evalkit-replay", metavar="DIR",
        help="answer model calls from recordings alone; a miss makes the gates error")  # fmt: skip
    add("--evalkit-record", metavar="DIR",
        help="write every reply of a provider into these recordings")  # fmt: skip
    add("--evalkit-no-cache", action="store_true",
        help="buy every reply anew, whatever the reply cache holds")  # fmt: skip
    add("--evalkit-lane", choices=("pr", "release"), default="pr",
        help="release: undecided is red, all is judged, the last release counts")  # fmt: skip
    add("--evalkit-resume", action="store_true",
        help="keep what the journal in the report folder already holds")  # fmt: skip
    add("--evalkit-update-baseline", metavar="WHY",
        help="measure five fresh epochs and promote them as the baseline, because WHY")  # fmt: skip


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """Collect `suites/*.toml`, and any TOML file named on the command line."""
    if file_path.suffix != ".toml":
        return None
    named = parent.session.isinitpath(file_path) and file_path.name != "pyproject.toml"
    if file_path.parent.name != "suites" and not named:
        return None
    from evalkit.pytest_suites import Build, SuiteFile

    plugins = parent.config.pluginmanager
    build = plugins.get_plugin(BUILD)
    if build is None:
        build = Build.from_config(parent.config)
        plugins.register(build, BUILD)
    collected: SuiteFile = SuiteFile.from_parent(parent, path=file_path, build=build)
    return collected


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Under xdist a worker that had suites hands its build to the controller, which decides."""
    output = getattr(node, "workeroutput", {}).get("evalkit")
    if output:
        from evalkit.pytest_suites import Build

        config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist has no types here
        if not config.pluginmanager.has_plugin(BUILD):
            config.pluginmanager.register(Build.adopted(config, output), BUILD)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """After the last test: every gate declared has a verdict, or the session is red."""
    result = yield
    build = session.config.pluginmanager.get_plugin(BUILD)
    if build is not None:
        build.settle(session)
    return result


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show an INCONCLUSIVE gate as what it is: neither passed nor failed."""
    outcome = dict(getattr(report, "user_properties", ())).get("evalkit")
    if outcome != "INCONCLUSIVE" or report.when != "call" or report.failed:
        return None
    return "inconclusive", "~", ("INCONCLUSIVE", {"yellow": True})


@pytest.fixture(scope="session")
def evalkit(pytestconfig: pytest.Config) -> Checker:
    """Score an answer from a hand-written test: `evalkit.check(question=…, answer=…, …)`."""
    from evalkit.check import Checker

    return Checker.for_project(pytestconfig.rootpath, pytestconfig.getoption("--evalkit-profile"))
