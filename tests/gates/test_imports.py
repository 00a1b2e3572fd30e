"""Gates are looked up while suites are collected; the statistics load when one decides."""

from __future__ import annotations

import subprocess
import sys

MODULES = "evalkit.aggregate, evalkit.baselines, evalkit.gates.decide, evalkit.gates.metric"


def loaded(then: str) -> str:
    code = f"import sys, {MODULES}\n{then}\nprint('scipy.special' in sys.modules)"
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_importing_every_gate_does_not_load_the_statistics():
    assert loaded("from evalkit.gates import GATES; [GATES.get(n) for n in GATES]") == "False"


def test_deciding_does():
    """The near miss that shows the test can see it."""
    assert loaded("from evalkit.stats.exact import rate_upper_bound as b; b(0, 9)") == "True"
