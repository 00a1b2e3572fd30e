"""What deciding takes: seconds and memory to estimate and gate a run of many cases.

    python -m benchmarks.deciding [cases] [metrics]

Measures a process of its own, because the largest memory of a process never shrinks. The run is
made up: its scores come from `gate_rates.model`, five baseline epochs and one candidate epoch, one
metric gate with a floor for each metric. What is timed is what every build does after its last
score is in: estimates, tests, verdicts, and their texts.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CASES, METRICS = 2000, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What one decision took; `peak_mb` of the whole process, `before_mb` once the run was read."""

    cases: int
    metrics: int
    seconds: float
    before_mb: float
    peak_mb: float
    outcome: str


def measured(cases: int = CASES, metrics: int = METRICS) -> Deciding:
    """Decide such a run in a fresh process."""
    command = (sys.executable, "-m", "benchmarks.deciding", "--here", str(cases), str(metrics))
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # constants
    return Deciding(**json.loads(done.stdout))


def decide_here(cases: int, metrics: int) -> dict[str, object]:
    """Decide such a run in this process."""
    # Imported here, so that the measuring process stays small and its time is not in the figures.
    import numpy as np  # noqa: PLC0415

    from benchmarks.gate_rates.builds import SEED, Cell, Stage  # noqa: PLC0415
    from evalkit.aggregate import estimate  # noqa: PLC0415
    from evalkit.gates.decide import decide_build  # noqa: PLC0415
    from evalkit.gates.metric import MetricGate  # noqa: PLC0415
    from evalkit.gates.protocol import Measurement  # noqa: PLC0415

    stage = Stage(Cell(n=cases, regime="mid", metrics=metrics))
    ((run, baseline),) = stage.records(stage.drawn(np.random.default_rng(SEED), builds=1))
    # So small a margin is INCONCLUSIVE, whose text takes longest: it says what would decide.
    gates = [
        MetricGate(name=name, floor=0.8, margin=1e-6, min_effect=1e-6) for name in stage.metrics
    ]
    before_mb = _peak_mb()
    started = time.perf_counter()
    measurement = Measurement(run=run, estimates=estimate(run), baseline=baseline)
    (decision,) = decide_build([(gates, measurement)])
    seconds = time.perf_counter() - started
    assert len(decision.comparisons) == 2 * metrics, "a test is missing"
    return {
        "cases": cases,
        "metrics": metrics,
        "seconds": seconds,
        "before_mb": before_mb,
        "peak_mb": _peak_mb(),
        "outcome": decision.outcome,
    }


def _peak_mb() -> float:
    """The largest this process has been. `ru_maxrss` may be that of the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: list[str]) -> int:
    here = arguments[:1] == ["--here"]
    sizes = [int(argument) for argument in arguments[here:]] or [CASES, METRICS]
    if here:
        print(json.dumps(decide_here(*sizes)))
    else:
        took = measured(*sizes)
        print(
            f"{took.cases} cases × {took.metrics} metrics: {took.outcome} in {took.seconds:.2f} s, "
            f"{took.peak_mb:.0f} MB at most ({took.before_mb:.0f} MB before deciding)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
