"""Suites as pytest items: one a case, one a gate; the gates decide over the whole build, last.

A case's item reports whether the case was *measured*; whether the values are good enough is for the
gates alone, so a case that could not be measured is skipped with its reason and counted by the
coverage gate. A gate always decides over every case of its slice: deselecting a case hides its
item, never its score. Where one gate of a suite is selected all are decided and reported; where
none is, each is reported as failed: a suite that was touched never ends without its verdicts.
"""

from __future__ import annotations

import datetime
import functools
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from evalkit import assemble, comparing, pipeline
from evalkit.calls.traffic import Traffic
from evalkit.config import Project, find_root, load_project
from evalkit.errors import EvalkitError
from evalkit.gates.protocol import Lane
from evalkit.journal import Place
from evalkit.measure import Engine
from evalkit.plan import Effort, Plan
from evalkit.records import Case, Failure, Outcome, Run, Saved, Unscored, Verdict
from evalkit.report import sinks

Phase = Literal["setup", "call", "teardown"]


class GateRed(Exception):
    """A verdict that must turn the build red; its text is what pytest prints."""


@dataclass
class Suite:
    """One suite of the session: its plan, and what of it was selected and reported."""

    plan: Plan
    nodeid: str
    build: Build
    started: datetime.datetime = field(default_factory=pipeline.now)
    cases: list[Case] = field(default_factory=list)
    gates: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)

    @functools.cached_property
    def engine(self) -> Engine:
        """Made when the first case is measured, so that collecting touches no journal."""
        place, effort = self.build.place, self.build.effort
        past = comparing.past_of(self.plan, effort=effort, tests=self.build.tests)
        return Engine(self.plan, place=place, effort=effort, past=past)

    @property
    def suffix(self) -> str:
        """What the names of its items end in, where the file has several targets."""
        at, target = self.plan.name.partition("@")[1:]
        return at + target

    def item_name(self, gate: str) -> str:
        """What a gate's item is called. The bracket ends it: pytest 9.2 adds one that does not."""
        return f"gate[{gate}{self.suffix}]"

    def release(self) -> None:
        """Let go of models and servers while another suite is measured, where nothing runs."""
        if "engine" in vars(self):
            self.engine.release()

    @property
    def wanted(self) -> bool:
        """Whether anything of the suite was selected."""
        return bool(self.cases or self.gates)


@dataclass
class Build:
    """All suites of a pytest session, from collection to verdicts."""

    config: pytest.Config
    profile: str
    report: Path
    place: Place
    effort: Effort
    traffic: Traffic
    lane: Lane
    because: str | None
    suites: dict[Path, tuple[Suite, ...]] = field(default_factory=dict)
    projects: dict[Path, Project] = field(default_factory=dict)
    current: Suite | None = None
    concluded: pipeline.Concluded | None = None

    @classmethod
    def from_config(cls, config: pytest.Config, *, run_id: str = "") -> Build:
        """Read the options once. Raises `pytest.UsageError` for values that make no sense."""
        option = config.getoption
        because = option("--evalkit-update-baseline")
        if because is not None and not because.strip():
            raise pytest.UsageError("--evalkit-update-baseline must say why")
        report = config.rootpath / option("--evalkit-report")
        worker: dict[str, str] = getattr(config, "workerinput", {})
        place = Place(
            folder=report / "journal",
            run_id=(run_id or worker.get("testrunuid", "") or uuid.uuid4().hex)[:8],
            writer=worker.get("workerid", "main"),
            resume=option("--evalkit-resume"),
        )
        try:
            effort = Effort(
                repeats=pipeline.EPOCHS if because else 1,
                concurrency=option("--evalkit-concurrency"),
            )
            traffic = Traffic.of_build(
                place.folder,
                run_id=place.run_id,
                resume=place.resume,
                max_usd=option("--evalkit-max-usd"),
                deadline_s=option("--evalkit-deadline"),
                replay=_folder(config, "--evalkit-replay"),
                record=_folder(config, "--evalkit-record"),
                cached=not option("--evalkit-no-cache"),
            )
        except (ValueError, EvalkitError) as error:
            raise pytest.UsageError(str(error)) from error
        profile, lane = option("--evalkit-profile"), option("--evalkit-lane")
        return cls(config, profile, report, place, effort, traffic, lane, because)

    @classmethod
    def adopted(cls, config: pytest.Config, output: Mapping[str, Any]) -> Build:
        """The controller's build under xdist, from what a worker says it collected.

        Workers measure and write journals into the report folder. The controller reads them,
        measures what no worker did (one may have crashed) and alone decides.
        """
        build = cls.from_config(config, run_id=output["run_id"])
        for path, seen in output["suites"].items():
            for suite in build.load(Path(path), seen["nodeid"]):
                noted = seen["plans"][suite.plan.name]
                selected = set(noted["cases"])
                suite.cases = [case for case in suite.plan.dataset.cases if case.id in selected]
                suite.gates = set(noted["gates"])
                suite.started = datetime.datetime.fromisoformat(noted["started"])
        return build

    def load(self, path: Path, nodeid: str) -> tuple[Suite, ...]:
        """The suite in a file, assembled once, a plan a target.

        Raises `EvalkitError` with every problem of it.
        """
        if path not in self.suites:
            root = find_root(path.parent)
            project = self.projects.setdefault(root, load_project(root))
            plans = assemble.plans(
                path, project=project, profile=self.profile, traffic=self.traffic, lane=self.lane
            )
            self.suites[path] = tuple(Suite(plan, nodeid, self) for plan in plans)
        return self.suites[path]

    @property
    def all_suites(self) -> Iterator[Suite]:
        """Every plan of every file, in order."""
        return (suite for suites in self.suites.values() for suite in suites)

    @property
    def tests(self) -> int:
        """The tests of the build, at most; known once everything is collected."""
        return comparing.family_size([suite.plan.promise for suite in self.all_suites])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Note what was selected; put gates last; a worker leaves them to the controller.

        The outermost wrapper, because `--lf` deselects after every plain hook.
        """
        result = yield
        for item in items:
            if isinstance(item, CaseItem):
                item.suite.cases.append(item.case)
            elif isinstance(item, GateItem):
                item.suite.gates.add(item.gate)
        gates = [item for item in items if isinstance(item, GateItem)]
        others = [item for item in items if not isinstance(item, GateItem)]
        if self.is_worker:
            items[:] = others
            self.config.workeroutput["evalkit"] = self.collected()  # type: ignore[attr-defined]  # xdist adds it
        else:
            items[:] = [*others, *gates]
        return result

    @property
    def is_worker(self) -> bool:
        """Whether this is an xdist worker, which measures but does not decide."""
        return hasattr(self.config, "workerinput")

    @property
    def is_controller(self) -> bool:
        """Whether xdist workers measured for this build."""
        return self.config.pluginmanager.has_plugin("dsession")

    def collected(self) -> dict[str, Any]:
        """What `adopted` needs, as plain data."""
        return {
            "run_id": self.place.run_id,
            "suites": {
                str(path): {
                    "nodeid": suites[0].nodeid,
                    "plans": {
                        suite.plan.name: {
                            "gates": sorted(suite.gates),
                            "started": suite.started.isoformat(),
                            "cases": [case.id for case in suite.cases],
                        }
                        for suite in suites
                    },
                }
                for path, suites in self.suites.items()
            },
        }

    def measured(self, suite: Suite, case: Case) -> list[str]:
        """Measure a case; why it, or one of its scores, is missing (empty when nothing is)."""
        self.turn_to(suite)
        if self.is_worker:
            suite.engine.start([case])  # the other cases may belong to another worker
        else:
            suite.engine.start(suite.cases)
        done = suite.engine.wait(case)
        failed = [f"{t.outcome.error_type} in {t.outcome.stage}: {t.outcome.message}"
                  for t in done.trials if isinstance(t.outcome, Failure)]  # fmt: skip
        unscored = [f"{s.metric}: {s.reason}" for s in done.scores if isinstance(s, Unscored)]
        return failed or unscored

    def turn_to(self, suite: Suite) -> None:
        """One suite at a time holds its models: two servers may not fit on one GPU."""
        if self.current is not suite:
            for other in self.all_suites:
                if other is not suite:
                    other.release()
            self.current = suite

    def verdict(self, suite: Suite, gate: str) -> Verdict:
        """The gate's verdict."""
        verdicts = self.saved(suite).decision.verdicts
        return next(verdict for verdict in verdicts if verdict.gate == gate)

    def saved(self, suite: Suite) -> Saved:
        """The suite's part of the build; the first call measures what is missing and decides."""
        if self.concluded is None:
            self.concluded = self.conclude()
        order = [s for s in self.all_suites if s.gates]
        return self.concluded.saved[order.index(suite)]

    def conclude(self) -> pipeline.Concluded:
        """Decide every suite of which a gate was selected, over all cases of its slice."""
        measured = []
        for suite in self.all_suites:
            if suite.gates:
                run = self.run_of(suite)
                if self.because:
                    pipeline.promote(suite.plan, run, because=self.because)
                measured.append((suite.plan.promise, run))
        pipeline.clear_runs(self.report)
        plans = [suite.plan for suite in self.all_suites if suite.gates]
        return pipeline.conclude(measured, report=self.report, plans=plans)

    def run_of(self, suite: Suite) -> Run:
        """The suite, measured; under xdist its time is that of the workers, as far as known."""
        self.turn_to(suite)
        entries = suite.engine.all()
        elapsed_s = (pipeline.now() - suite.started).total_seconds()
        duration_s = elapsed_s if self.is_controller else suite.engine.duration_s
        run = pipeline.collect(suite.plan, entries, started=suite.started, duration_s=duration_s)
        return comparing.finished(suite.plan, run, effort=self.effort)

    def settle(self, session: pytest.Session) -> None:
        """Report each gate of a selected suite that no item reported; under xdist that is all."""
        if self.is_worker or session.config.option.collectonly:
            return
        for suite in self.all_suites:
            for gate in suite.plan.promise.gates if suite.wanted else ():
                if gate.name in suite.reported:
                    continue
                if suite.gates and not session.shouldstop and not session.shouldfail:
                    self.publish(session, suite, gate.name, *self.decided(suite, gate.name))
                else:
                    text = "not decided: every gate was deselected, or the session stopped before"
                    self.publish(session, suite, gate.name, "ERROR", text)

    def decided(self, suite: Suite, gate: str) -> tuple[Outcome, str]:
        """A gate's outcome and reason; whatever keeps it from deciding is an ERROR."""
        try:
            verdict = self.verdict(suite, gate)
        except EvalkitError as error:
            return "ERROR", str(error)
        return verdict.outcome, verdict.reason

    def publish(
        self, session: pytest.Session, suite: Suite, gate: str, outcome: Outcome, reason: str
    ) -> None:
        """Report a gate that no item ran for, as if one had: counted, listed, in the JUnit file."""
        suite.reported.add(gate)
        red = self.is_red(suite, outcome)
        name = suite.item_name(gate)
        nodeid = f"{suite.nodeid}::{name}"
        phases: tuple[Phase, ...] = ("setup", "call", "teardown")
        for phase in phases:
            report = pytest.TestReport(
                nodeid=nodeid,
                location=(suite.nodeid, None, name),
                keywords={},
                outcome="failed" if red and phase == "call" else "passed",
                longrepr=f"{outcome}: {sinks.terminal(reason)}" if phase == "call" else None,
                when=phase,
                user_properties=[("evalkit", outcome)],
            )
            session.config.hook.pytest_runtest_logreport(report=report)
        session.testscollected += 1

    def is_red(self, suite: Suite, outcome: Outcome) -> bool:
        """FAIL and ERROR always; INCONCLUSIVE where the suite says so."""
        strict = suite.plan.promise.inconclusive == "fail"
        return outcome in ("FAIL", "ERROR") or (outcome == "INCONCLUSIVE" and strict)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table a person reads first, and where the report is."""
        if self.concluded is None:
            return
        for line in self.concluded.summary(color=terminalreporter.hasmarkup):
            terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Stop whatever is still running."""
        for suite in self.all_suites:
            if "engine" in vars(suite):
                suite.engine.close()
        self.traffic.close()


def _folder(config: pytest.Config, option: str) -> Path | None:
    """The folder an option names, from where pytest was started."""
    given: str | None = config.getoption(option)
    return config.invocation_params.dir / given if given else None


class SuiteFile(pytest.File):
    """A suite file, collected into its cases and gates."""

    def __init__(self, *, build: Build, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.build = build

    def collect(self) -> Iterable[pytest.Item]:
        try:
            suites = self.build.load(self.path, self.nodeid)
        except EvalkitError as error:
            raise self.CollectError(sinks.terminal(str(error), multiline=True)) from error
        for suite in suites:
            yield from self._items(suite)

    def _items(self, suite: Suite) -> Iterator[pytest.Item]:
        for case in suite.plan.dataset.cases:
            name = case.id + suite.suffix
            yield CaseItem.from_parent(self, name=name, build=self.build, suite=suite, case=case)
        for gate in suite.plan.promise.gates:
            name = suite.item_name(gate.name)
            yield GateItem.from_parent(
                self,
                name=name,
                # Spelt out, because pytest 9.2 would take the brackets for part of a plain name and
                # then not find the item again for `--lf`.
                nodeid=f"{self.nodeid}::{name}",
                build=self.build,
                suite=suite,
                gate=gate.name,
            )


class SuiteItem(pytest.Item):
    """What cases and gates share: their suite, and one line in messages."""

    def __init__(self, *, build: Build, suite: Suite, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.build = build
        self.suite = suite

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name  # a skip needs a line; a case has none in the suite file


class CaseItem(SuiteItem):
    """One golden row: passed when it was measured, skipped with the reason when it was not."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case

    def runtest(self) -> None:
        missing = self.build.measured(self.suite, self.case)
        if missing:
            reason = f"not measured (the coverage gate decides): {'; '.join(missing)}"
            raise pytest.skip.Exception(sinks.terminal(reason), _use_item_location=True)


class GateItem(SuiteItem):
    """One promise of the suite: failed when its verdict is red."""

    def __init__(self, *, gate: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate = gate

    def runtest(self) -> None:
        outcome, reason = self.build.decided(self.suite, self.gate)
        self.suite.reported.add(self.gate)
        self.user_properties.append(("evalkit", outcome))
        if self.build.is_red(self.suite, outcome):
            raise GateRed(f"{outcome}: {sinks.terminal(reason)}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]  # the base narrows what it passes
        if isinstance(excinfo.value, GateRed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)
