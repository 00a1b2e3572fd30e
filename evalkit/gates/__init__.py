"""Rules on a measurement: each `[gates.<name>]` of a suite is one, of one of these kinds."""

from __future__ import annotations

from evalkit.gates.protocol import Gate
from evalkit.registry import Registry

GATES: Registry[type[Gate]] = Registry(
    "gate",
    "evalkit.gates",
    {
        "metric": "evalkit.gates.metric:MetricGate",
        "cost": "evalkit.gates.budget:CostGate",
        "tokens": "evalkit.gates.budget:TokenGate",
        "latency": "evalkit.gates.latency:LatencyGate",
        "coverage": "evalkit.gates.coverage:CoverageGate",
        "versus": "evalkit.gates.versus:VersusGate",
        "saving": "evalkit.gates.versus:SavingGate",
        "rate": "evalkit.gates.rate:RateGate",
        "zero_tolerance": "evalkit.gates.zero_tolerance:ZeroToleranceGate",
    },
)

__all__ = ["GATES"]
