"""What every gate offers, and the only thing it may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from evalkit.records import Baseline, Calibration, Comparison, Estimate, Run, Verdict

Lane = Literal["pr", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A run, its estimates and what it may be compared with.

    `baseline` is None when there is none or it does not fit; `baseline_problem` then says why and
    names the command that mends it. `rivals` are the suite's targets before this one, by name, each
    reduced to what a baseline holds. `release` is the pinned baseline of the last release, or None
    with `release_problem`; both stay empty in the lane that does not compare with it.
    `calibrations` are what people's labels say of the run's judge, the project's own labels first.
    `tests` is how many tests the whole build has, for those that share its error rate evenly; 0
    where nobody has counted. `judged_on` says of each metric what its judge is shown (`answer`,
    `passages`, or nothing). `baseline_note` is what a reader must know of the baseline, such as
    that another judge has judged it again. `memo` keeps what the gates have worked out, once.
    """

    run: Run
    estimates: tuple[Estimate, ...]
    baseline: Baseline | None
    baseline_problem: str = ""
    rivals: tuple[tuple[str, Baseline], ...] = ()
    release: Baseline | None = None
    release_problem: str = ""
    calibrations: tuple[Calibration, ...] = ()
    tests: int = 0
    judged_on: Mapping[str, str] = field(default_factory=dict)
    lane: Lane = "pr"
    baseline_note: str = ""
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def estimate(self, metric: str) -> Estimate | None:
        """The estimate of a metric; None when not one case was scored."""
        return next((e for e in self.estimates if e.metric == metric), None)


class Gate(Protocol):
    """A table `[gates.<name>]` of a suite: a rule on a measurement that gives one verdict.

    A gate is a frozen dataclass whose fields, apart from `name`, are the keys of its table.
    """

    kind: ClassVar[str]

    @property
    def name(self) -> str: ...

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """The hypotheses this gate adds to the build's Holm family, with raw p-values."""
        ...

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The verdict, given its own tests with `p_adjusted` filled in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a suite promises: its gates, and what a build does with an INCONCLUSIVE verdict.

    `path` is the suite's file, `root` the project's folder that holds its baselines. Where a suite
    has several targets each has a promise: `suite` is then `<suite>@<target>`, and `rivals` are the
    names of those before it. In the lane `release` an INCONCLUSIVE verdict is red, every case is
    judged, and metrics are compared with the pinned release baseline as well. `judged_on` says of
    each metric what its judge is shown, as the metric does.
    """

    suite: str
    path: Path
    root: Path
    inconclusive: Literal["warn", "fail"]
    gates: tuple[Gate, ...]
    rivals: tuple[str, ...] = ()
    lane: Lane = "pr"
    judged_on: tuple[tuple[str, str], ...] = ()
