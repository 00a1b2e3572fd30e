"""Judging stays close to the cost of its calls: ratios within one test, no absolute times.

The same drivers as docs/benchmarks.md, smaller, against the same stub judge.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("openai")
pytestmark = pytest.mark.slow


ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def compare():
    """benchmarks/judging/compare.py, which is a script."""
    path = ROOT / "benchmarks" / "judging" / "compare.py"
    spec = importlib.util.spec_from_file_location("compare", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cpu_per_call(phase):
    return phase["cpu_s"] / phase["calls"]


def test_judging_costs_little_more_than_its_calls(compare):
    """CPU a call, all of evalkit's work in it, under 2.5 × that of a loop that only calls.

    It was 1.4 × when this was written. The least of three, since other work only ever adds.
    """
    with compare.stub(5) as env:
        env |= {"CASES": "60"}
        ours, bare = [], []
        for _ in range(3):
            ours.append(compare.driven(compare.OURS, "with_evalkit.py", env=env)[-1][0])
            bare.append(compare.driven(compare.OURS, "bare.py", "360", env=env)[-1][0])
    assert {phase["calls"] for phase in (*ours, *bare)} == {6 * 60}
    assert min(map(cpu_per_call, ours)) < 2.5 * min(map(cpu_per_call, bare))


def test_the_slots_of_a_slow_judge_stay_full(compare):
    """60 cases × 6 calls through 16 slots: full at once, and nearly so to the end.

    With 0.2 s a call they take 360 × 0.2 / 16 = 4.5 s at least. Two metrics at a time, or cases in
    batches that wait for their slowest, would take half as long again, however slow the judge is.
    Where this machine takes long for its own part, a slower judge makes that part smaller.
    """

    def lost(latency_ms):
        with compare.stub(latency_ms) as env:
            env |= {"CASES": "60", "CONCURRENCY": "16"}
            phase = compare.driven(compare.OURS, "with_evalkit.py", env=env)[-1][0]
        assert phase["most_in_flight"] == 16
        assert phase["bound_s"] == pytest.approx(4.5 * latency_ms / 200)
        return phase["wall_s"] / phase["bound_s"]

    assert any(lost(latency_ms) < 1.4 for latency_ms in (200, 400, 800, 1600))
