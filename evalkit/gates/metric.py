"""`[gates.<metric>]`: a metric may not drop against the baseline, nor be below a floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalkit.gates.evidence import Size, can_test
from evalkit.gates.floor import check_floor, floor_test
from evalkit.gates.protocol import Measurement
from evalkit.gates.regression import Tolerance, check_regression, drop_test, pair
from evalkit.gates.verdict import conclude
from evalkit.observations import observe
from evalkit.records import Check, Comparison, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricGate:
    """A rule on a metric's mean over cases.

    `metric` is the gate's own name unless given. `margin` is the largest drop that may pass,
    `min_effect` the smallest that may fail, both in the metric's unit. `floor` is an absolute
    minimum; with `strict` the mean must be above it beyond doubt. `compare = false` leaves the
    baseline out. Fewer than `min_cases` cases, or `min_clusters` clusters where cases share one,
    are INCONCLUSIVE.
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
        """How many tests this gate adds to the build's family, computed or not."""
        return self.compare + (self.floor is not None)

    @property
    def _tolerance(self) -> Tolerance:
        return Tolerance(margin=self.margin, min_effect=self.min_effect)

    @property
    def _size(self) -> Size:
        return Size(min_cases=self.min_cases, min_clusters=self.min_clusters)

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """The test for a drop and the test for the floor, as far as they can be computed."""
        found: list[Comparison] = []
        if self.compare:
            pairs = pair(measurement, self.measured).scored
            if can_test([p.after for p in pairs]):
                found.append(drop_test(self.measured, pairs))
        if self.floor is not None:
            observations = observe(measurement.run, self.measured)
            if can_test(observations):
                found.append(floor_test(self.measured, observations, self.floor))
        return tuple(found)

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The worst of the two checks."""
        by_kind = {test.kind: test for test in tests}
        checks: list[Check] = []
        if self.compare:
            checks.append(
                check_regression(
                    measurement,
                    self.measured,
                    by_kind.get("regression"),
                    tolerance=self._tolerance,
                    size=self._size,
                )
            )
        if self.floor is not None:
            checks.append(
                check_floor(
                    self.measured,
                    observe(measurement.run, self.measured),
                    by_kind.get("floor"),
                    floor=self.floor,
                    strict=self.strict,
                    size=self._size,
                )
            )
        return conclude(self.name, checks)
