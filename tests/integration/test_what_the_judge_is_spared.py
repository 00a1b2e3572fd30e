"""Judge calls of `rag_quality`, counted at the judge's server: the table in docs/cost.md.

The stand-in generator repeats itself to the byte, as few hosted models do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest

from evalkit import pipeline
from evalkit.calls.traffic import Traffic
from evalkit.comparing import past_of
from evalkit.plan import Effort
from evalkit.records import Score
from tests.integration.shipped import ROOT, Shipped, shipped

pytestmark = pytest.mark.slow

SUITE = "rag_quality"
PAGE = ROOT / "docs" / "cost.md"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run: requests to the judge, its bill, and the scores it was asked, or need not give."""

    calls: int
    usd: float
    known: int
    spared: int
    scored: int

    @property
    def told(self) -> str:
        """As the page shows it."""
        saved = f"{self.known + self.spared} of {self.spared + self.scored}"
        if self.known + self.spared:
            saved += f": {self.known} known, {self.spared} after the gate had decided"
        return f"| {self.calls} | ${self.usd:.2f} | {saved} |"


def measured(project: Shipped) -> Row:
    """A run with an empty reply cache."""
    project.forget()
    plan = project.plan(SUITE, Traffic())
    effort = Effort()
    past = past_of(plan, effort=effort, tests=3)
    if past is not None:  # the order of judging hangs on the servers' ports otherwise
        past = replace(past, seed=SUITE)
    place = pipeline.fresh_place(project.root / "out", resume=False)
    run = pipeline.measure(plan, place=place, effort=effort, past=past)
    asking = {name for name, on in plan.promise.judged_on if on}
    scores = [s for s in run.scores if s.metric in asking]
    return Row(
        calls=len(project.judge.requests),
        usd=project.judged_usd,
        known=sum(isinstance(score, Score) and score.known for score in scores),
        spared=sum(len(stop.spared) for stop in run.looks.stops) if run.looks else 0,
        scored=len(scores),
    )


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Every row of the table, by name; the baseline is made after the first."""
    with shipped(tmp_path_factory.mktemp("spared")) as project:
        found = {"no baseline": measured(project)}
        plan = project.plan(SUITE, Traffic())
        place = pipeline.fresh_place(project.root / "promoted", resume=False)
        run = pipeline.measure(plan, place=place, effort=Effort(repeats=pipeline.EPOCHS))
        pipeline.promote(plan, run, because="a test")
        found["unchanged"] = measured(project)
        project.edit("answer_from_context@2", "answer_from_context@1")
        found["another prompt"] = measured(project)
        project.edit("answer_from_context@1", "answer_from_context@2")
        project.edit("k = 5 }\nguard", "k = 4 }\nguard")
        found["four passages"] = measured(project)
    return found


def test_without_a_baseline_every_answer_is_judged(rows):
    assert (rows["no baseline"].known, rows["no baseline"].spared) == (0, 0)


def test_an_unchanged_build_asks_for_little_more_than_the_anchors(rows):
    """The bill of the calls that are left, in the same prices."""
    assert rows["unchanged"].calls < rows["no baseline"].calls / 4
    assert rows["unchanged"].usd < rows["no baseline"].usd / 4


def test_what_changes_more_is_spared_less(rows):
    spared = [row.known + row.spared for row in rows.values()]
    assert spared[1] > spared[2] > spared[3] > spared[0] == 0


@pytest.mark.parametrize("name", ["no baseline", "unchanged", "another prompt", "four passages"])
def test_the_page_shows_these_counts(rows, name):
    (line,) = re.findall(rf"^\| {name}[^|]*(\|.*)$", PAGE.read_text(), re.MULTILINE)
    assert line == rows[name].told
