"""What `evalkit run --estimate` says of the shipped suites, beside the bill of running them.

The bill is that of servers which count tokens as a provider might, with a counter that shares
nothing with the estimate's. The stand-in generator is the embedded one, as in the rehearsal: how
long a real model's answers are is not what this shows.
"""

from __future__ import annotations

import pytest

from evalkit import estimate, pipeline
from evalkit.calls.traffic import Traffic
from evalkit.plan import Effort
from tests.integration.shipped import shipped

pytestmark = pytest.mark.slow

SUITES = ("rag_quality", "reading_quality", "prompt_injection", "pii_leakage")
NEAR = 0.10


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with shipped(tmp_path_factory.mktemp("shipped")) as made:
        yield made


@pytest.mark.parametrize("suite", SUITES)
def test_the_estimate_is_within_a_tenth_of_the_bill(project, suite, record_property):
    """In dollars, and in calls to the last one; and it asks nobody."""
    project.forget()  # two suites ask the same questions: an estimate is for an empty cache
    rehearsal = project.plan(suite, Traffic(rehearsing=True))
    rows = estimate.expected((rehearsal,), report=project.root / "none")
    assert (project.generator.requests, project.judge.requests) == ([], [])
    place = pipeline.fresh_place(project.root / "out" / suite, resume=False)
    pipeline.measure(project.plan(suite, Traffic()), place=place, effort=Effort())
    expected, bill = sum(row.usd for row in rows), project.billed_usd
    record_property("dollars", f"estimated {expected:.4f}, billed {bill:.4f}")
    assert abs(expected / bill - 1) <= NEAR, f"estimated {expected:.4f}, billed {bill:.4f}"
    calls = {row.role: row.calls for row in rows}
    made = {"target": len(project.generator.requests), "judge": len(project.judge.requests)}
    assert calls == {role: n for role, n in made.items() if n}
