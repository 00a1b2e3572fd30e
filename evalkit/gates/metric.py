"""`[gates.<metric>]`: a metric may not drop against the baseline, nor be below a floor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from evalkit.gates.evidence import Kind, Size
from evalkit.gates.floor import Level, check_floor, floor_of
from evalkit.gates.pairing import shown_the_same
from evalkit.gates.protocol import Measurement
from evalkit.gates.regression import Tolerance, check_regression, drop_of
from evalkit.gates.sequential import course_of
from evalkit.gates.verdict import conclude
from evalkit.records import Check, Comparison, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricGate:
    """A rule on a metric's mean over cases.

    `metric` is the gate's own name unless given. `margin` is the largest drop that may pass,
    `min_effect` the smallest that may fail, both in the metric's unit. `floor` is an absolute
    minimum; with `strict` the release lane asks for proof that the mean is above it. `compare =
    false` leaves the baselines out. Fewer than `min_cases` cases, or `min_clusters` clusters where
    cases share one, are INCONCLUSIVE. `margin_judged` says that the margin is in the judge's
    units, the drop that matters times the judge's J: a judge with a J below 0.5 may then pass.

    In the release lane the same rule holds against the pinned release baseline as well.
    """

    kind: ClassVar[str] = "metric"

    name: str
    metric: str = ""
    floor: float | None = None
    margin: float = 0.05
    min_effect: float = 0.02
    strict: bool = False
    compare: bool = True
    min_cases: int = 30
    min_clusters: int = 10
    margin_judged: bool = False

    def __post_init__(self) -> None:
        if not self.compare and self.floor is None:
            raise ValueError("a gate that compares with no baseline needs a floor")
        if self.floor is not None and not 0.0 <= self.floor <= 1.0:
            raise ValueError(f"floor must be within [0, 1], got {self.floor}")
        if self.strict and self.floor is None:
            raise ValueError("strict says how a floor is reached; there is no floor")
        _ = self._tolerance, self._size  # they check themselves

    @property
    def measured(self) -> str:
        """The metric this gate is about."""
        return self.metric or self.name

    @property
    def family_size(self) -> int:
        """How many tests this gate adds to the build's family at most."""
        return self.compare + (self.floor is not None)

    @property
    def _tolerance(self) -> Tolerance:
        return Tolerance(margin=self.margin, min_effect=self.min_effect, judged=self.margin_judged)

    @property
    def _size(self) -> Size:
        return Size(min_cases=self.min_cases, min_clusters=self.min_clusters)

    def family(self, measurement: Measurement) -> tuple[Kind, ...]:
        """The tests this gate has here, computed or not.

        A metric whose judge is shown what it was shown for the baseline is not tested against it.
        """
        kinds: list[Kind] = []
        if self.compare and not shown_the_same(measurement, self.measured):
            kinds.append("regression")
        if self.floor is not None:
            kinds.append("floor")
        if self._has_release(measurement):
            released = _released(measurement)
            if not shown_the_same(released, self.measured):
                kinds.append("release")
        return tuple(kinds)

    def _has_release(self, measurement: Measurement) -> bool:
        return self.compare and measurement.lane == "release"

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """The tests for a drop and against the floor, as far as they can be computed."""
        found: list[Comparison | None] = []
        course = course_of(measurement, self.measured)
        if self.compare:
            found.append(
                drop_of(
                    measurement,
                    self.measured,
                    tolerance=self._tolerance,
                    size=self._size,
                    course=course,
                )
            )
        if self.floor is not None:
            found.append(
                floor_of(
                    measurement,
                    self.measured,
                    level=self._level(measurement, self.floor),
                    size=self._size,
                    course=course,
                )
            )
        if self._has_release(measurement):
            released = drop_of(
                _released(measurement), self.measured, tolerance=self._tolerance, size=self._size
            )
            found.append(released and replace(released, kind="release"))
        return tuple(test for test in found if test is not None)

    def _level(self, measurement: Measurement, floor: float) -> Level:
        return Level.of(measurement, self.measured, floor, strict=self.strict)

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The worst of its checks."""
        by_kind = {test.kind: test for test in tests}
        course = course_of(measurement, self.measured)
        checks: list[Check] = []
        if self.compare:
            checks.append(
                check_regression(
                    measurement,
                    self.measured,
                    by_kind.get("regression"),
                    tolerance=self._tolerance,
                    size=self._size,
                    course=course,
                )
            )
        if self.floor is not None:
            checks.append(
                check_floor(
                    measurement,
                    self.measured,
                    by_kind.get("floor"),
                    level=self._level(measurement, self.floor),
                    size=self._size,
                    course=course,
                    alone=not self.compare,
                )
            )
        if self._has_release(measurement):
            checks.append(self._check_release(measurement, by_kind.get("release")))
        return conclude(self.name, checks)

    def _check_release(self, measurement: Measurement, tested: Comparison | None) -> Check:
        check = check_regression(
            _released(measurement),
            self.measured,
            tested,
            tolerance=self._tolerance,
            size=self._size,
        )
        reason = check.reason
        if measurement.release is not None:
            reason = f"since the release ({measurement.release.promoted_at[:10]}): {reason}"
        return replace(check, kind="release", reason=reason)


def _released(measurement: Measurement) -> Measurement:
    """The measurement with the pinned release baseline in the place of the other."""
    if "released" not in measurement.memo:
        problem = measurement.release_problem or "there is no release baseline to compare with"
        measurement.memo["released"] = replace(
            measurement,
            baseline=measurement.release,
            baseline_problem="" if measurement.release else problem,
            baseline_note="",
        )
    found: Measurement = measurement.memo["released"]
    return found
