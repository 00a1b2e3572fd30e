"""`[gates.<name>] kind = "versus"` and `"saving"`: one target of a suite against another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from evalkit.gates.budget import ratio_check
from evalkit.gates.evidence import Kind, Size
from evalkit.gates.pairing import shown_the_same
from evalkit.gates.protocol import Measurement
from evalkit.gates.regression import Tolerance, check_regression, drop_of
from evalkit.gates.spending import TOKENS, USD, Quantity
from evalkit.gates.verdict import conclude
from evalkit.records import Comparison, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class VersusGate:
    """A metric may drop by at most `margin` against another target of the same suite.

    Paired by case, with the same test as against a baseline: FAIL needs evidence of a drop of at
    least `min_effect`, PASS evidence that none beyond `margin` happened. `than` is the other
    target, the suite's first unless given. Decided for every target after it. `margin_judged` says
    that the margin is in the judge's units, as for the gate of a metric.
    """

    kind: ClassVar[str] = "versus"

    name: str
    metric: str
    than: str = ""
    margin: float = 0.03
    min_effect: float = 0.01
    min_cases: int = 30
    min_clusters: int = 10
    margin_judged: bool = False

    def __post_init__(self) -> None:
        _ = self._tolerance, self._size  # they check themselves

    @property
    def family_size(self) -> int:
        """One test at most."""
        return 1

    def family(self, measurement: Measurement) -> tuple[Kind, ...]:
        """The one test; none where both targets show the judge the same."""
        same = shown_the_same(against(measurement, self.than), self.metric)
        return () if same else ("regression",)

    @property
    def _tolerance(self) -> Tolerance:
        return Tolerance(margin=self.margin, min_effect=self.min_effect, judged=self.margin_judged)

    @property
    def _size(self) -> Size:
        return Size(min_cases=self.min_cases, min_clusters=self.min_clusters)

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """The test for a drop, where it can be computed."""
        compared = against(measurement, self.than)
        test = drop_of(compared, self.metric, tolerance=self._tolerance, size=self._size)
        return () if test is None else (test,)

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The one check."""
        compared = against(measurement, self.than)
        check = check_regression(
            compared,
            self.metric,
            tests[0] if tests else None,
            tolerance=self._tolerance,
            size=self._size,
        )
        return conclude(self.name, [replace(check, kind=self.kind)])


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingGate:
    """A target must cost less than another: at least the share `min_saving` (0.3: 30 %).

    The ratio of sums over paired cases, in dollars, or in tokens with `of = "tokens"`: PASS where
    the saving is reached, FAIL where the one-sided 95 % bound of the ratio excludes it.
    """

    kind: ClassVar[str] = "saving"

    name: str
    min_saving: float
    than: str = ""
    of: str = "usd"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min_saving) and 0.0 < self.min_saving < 1.0):
            raise ValueError(f"min_saving must be within (0, 1), got {self.min_saving}")
        if self.of not in _QUANTITIES:
            raise ValueError(f"of must be one of {', '.join(_QUANTITIES)}, got {self.of!r}")

    def tests(self, measurement: Measurement) -> tuple[Comparison, ...]:
        """None: cost ratios are outside the family."""
        return ()

    def decide(self, measurement: Measurement, tests: tuple[Comparison, ...]) -> Verdict:
        """The one check."""
        compared = against(measurement, self.than)
        limit = 1.0 - self.min_saving
        check = ratio_check(compared, _QUANTITIES[self.of], limit, kind=self.kind)
        return conclude(self.name, [check])


_QUANTITIES: dict[str, Quantity] = {"usd": USD, "tokens": TOKENS}


def against(measurement: Measurement, than: str) -> Measurement:
    """The measurement with the other target's run in the place of the baseline."""
    key = ("against", than)
    if key not in measurement.memo:
        measurement.memo[key] = _against(measurement, than)
    found: Measurement = measurement.memo[key]
    return found


def _against(measurement: Measurement, than: str) -> Measurement:
    rivals = dict(measurement.rivals)
    name = than or next(iter(rivals), "")
    measurement = replace(measurement, baseline_note="")
    if name in rivals:
        return replace(measurement, baseline=rivals[name], baseline_problem="")
    known = _listed([*rivals])
    what = f"there is no earlier target {name!r}" if name else "there is no other target"
    return replace(measurement, baseline=None, baseline_problem=f"{what} to compare with{known}")


def _listed(names: Sequence[str]) -> str:
    return f" (there is {', '.join(names)})" if names else ""
