"""The gates' error rates, on few cells and builds: what `make verify-gates` does in full.

The model is as it says, evalkit keeps its promises in simulated builds, and a gate that does not
keep them is found out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.gate_rates import builds as simulated_builds
from benchmarks.gate_rates import calls
from benchmarks.gate_rates.builds import NAIVE, Cell, tally
from benchmarks.gate_rates.cells import PROMISES, all_cells, findings
from benchmarks.gate_rates.model import MEAN, REGIMES, Change, draw
from benchmarks.gate_rates.page import from_csv, judged, page, to_csv
from evalkit.gates import decide
from evalkit.measure.looks import ANCHORS
from scripts import verify_gates
from scripts.verify_gates import main

BUILDS = 400

# A cell of each kind that a promise is about, and the hardest: few cases, clusters, many metrics.
REDUCED = (
    Cell(n=20, regime="mid", metrics=4, change=Change(rerolled=True)),
    Cell(n=50, regime="high", clustered=True),
    Cell(n=50, regime="low", metrics=12, change=Change(rerolled=True)),
    Cell(n=100, regime="mid", change=Change(rerolled=True)),
    Cell(n=100, regime="low", clustered=True, change=Change(rerolled=True)),
    Cell(n=100, regime="mid", change=Change(drop=0.05)),
    Cell(n=100, regime="mid", change=Change(drop=0.10)),
    Cell(n=200, regime="high", change=Change(rerolled=True, drop=0.05, shape="concentrated")),
    Cell(n=100, regime="mid", looks=True),
    Cell(n=100, regime="low", looks=True, change=Change(identical=0.5)),
)


@pytest.fixture(scope="module")
def tallies():
    return {cell: tally(cell, builds=BUILDS) for cell in REDUCED}


# ── the model ────────────────────────────────────────────────────────────────────────────────────


def drawn(change=None, *, regime="low", clustered=False, builds=200, cases=100):
    rng = np.random.default_rng(1)
    return draw(
        rng, REGIMES[regime], change or Change(),
        builds=builds, metrics=2, cases=cases, clustered=clustered,
    )  # fmt: skip


def correlation(values):
    """Of two cases of one document, over (builds, cases): the mean product of their deviations."""
    byfives = (values - values.mean()).reshape(len(values), -1, 5)
    pairs = (byfives.sum(axis=-1) ** 2 - (byfives**2).sum(axis=-1)).mean() / (5 * 4)
    return pairs / values.var()


def test_an_unchanged_build_has_the_models_mean_on_both_sides():
    """0.865, less what clipping takes: half of the judge's noise where the truth is 1."""
    scores = drawn()
    assert scores.now.mean() == pytest.approx(MEAN, abs=0.02)
    assert scores.now.mean() == pytest.approx(scores.before.mean(), abs=0.003)


@pytest.mark.parametrize("shape", ["diffuse", "concentrated"])
def test_a_drop_is_what_it_says_in_the_first_metric_only(shape):
    """Clipping hides part of it: a score above 1 is cut whether it fell a little or not."""
    scores = drawn(Change(drop=0.10, shape=shape))
    fell = scores.now.mean(axis=(0, 2)) - scores.before.mean(axis=(0, 2, 3))
    assert fell[0] == pytest.approx(-0.10, abs=0.015)
    assert fell[1] == pytest.approx(0.0, abs=0.005)


@pytest.mark.parametrize(("clustered", "expected"), [(True, 0.3), (False, 0.0)])
def test_cases_of_a_document_move_together(clustered, expected):
    scores = drawn(Change(rerolled=True), clustered=clustered, builds=400)
    moved = (scores.now - scores.before.mean(axis=-1))[:, 0]
    assert correlation(moved) == pytest.approx(expected, abs=0.03)


def test_rerolled_answers_move_although_their_quality_does_not():
    """The premise of the whole page: an edit without effect still changes most scores."""
    stable, rerolled = drawn(), drawn(Change(rerolled=True))
    spread = [(s.now - s.before.mean(axis=-1)).std() for s in (stable, rerolled)]
    assert spread[1] > 1.5 * spread[0]
    assert rerolled.now.mean() == pytest.approx(rerolled.before.mean(), abs=0.005)


def test_a_known_score_is_the_baselines():
    scores = drawn(Change(identical=0.5))
    assert scores.known.mean() == pytest.approx(0.5, abs=0.02)
    assert (scores.now == scores.before.mean(axis=-1))[scores.known].all()
    assert not (scores.now == scores.before.mean(axis=-1))[~scores.known].all()


# ── the promises ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_evalkit_keeps_its_promises(tallies):
    found = findings(tallies)
    assert {finding.promise.text: finding.broken for finding in found if finding.broken} == {}
    assert len(found) >= 6, "some promise is about no cell any more"


@pytest.mark.slow
def test_the_rules_in_use_elsewhere_do_not_keep_them(tallies):
    """On the same draws: every naive rule is red far too often, or never finds a drop of 0.05."""
    unchanged = Cell(n=100, regime="mid", change=Change(rerolled=True))
    fell = Cell(n=100, regime="mid", change=Change(drop=0.05))
    for rule in NAIVE:
        as_gate = {cell: Counter(builds=BUILDS, FAIL=tallies[cell][rule]) for cell in tallies}
        broken = {
            cell for finding in findings(as_gate) for cell in finding.broken
        } & {unchanged, fell}  # fmt: skip
        assert broken, rule


@pytest.mark.slow
def test_judging_in_looks_asks_the_judge_less(tallies):
    for cell, most in ((REDUCED[-2], 0.65), (REDUCED[-1], 0.40)):
        assert judged(cell, tallies[cell]) <= most


def _no_correction(p_values, *, family_size):
    return tuple(p_values)


def test_a_gate_that_forgets_holm_is_found_out(monkeypatch):
    """Twelve tests at 5 % each redden about half of all unchanged builds."""
    monkeypatch.setattr(decide, "holm", _no_correction)
    cell = Cell(n=50, regime="mid", metrics=12, change=Change(rerolled=True))
    (finding,) = findings({cell: tally(cell, builds=60)})
    assert finding.broken == (cell,)


def test_a_gate_that_forgets_clusters_is_found_out(monkeypatch):
    """Five questions to a document taken for five documents: the study's 14 % for 5 %."""
    cell = Cell(n=100, regime="high", clustered=True)

    class Forgetful(simulated_builds.Stage):
        def __init__(self, cell):
            super().__init__(replace(cell, clustered=False))
            self.cell = cell  # the scores are drawn as they were

    monkeypatch.setattr(simulated_builds, "Stage", Forgetful)
    (finding,) = findings({cell: tally(cell, builds=BUILDS)})
    assert finding.broken == (cell,)
    assert finding.rate > 0.09


def test_a_gate_that_passes_whatever_is_not_failed_is_found_out():
    cell = Cell(n=50, regime="mid", change=Change(drop=0.05))
    found = findings({cell: Counter(builds=BUILDS, FAIL=200, PASS=200)})
    assert [finding.promise.counted for finding in found if finding.broken] == ["PASS"]


def test_of_equals_the_same_is_the_worst_whichever_was_simulated_first():
    """The page must not depend on how the processes shared the cells out."""
    cells = [Cell(n=200, regime=regime, change=Change(drop=0.10)) for regime in REGIMES]
    named = {
        finding.worst.name
        for order in (cells, cells[::-1])
        for finding in findings({cell: Counter(builds=BUILDS, FAIL=BUILDS) for cell in order})
    }
    assert named == {min(cell.name for cell in cells)}


@pytest.mark.parametrize(("failed", "broken"), [(20, False), (34, False), (36, True)])
def test_chance_alone_breaks_no_promise(failed, broken):
    """P(Binomial(400, 0.05) ≥ 35) is 0.0011, ≥ 36: 0.0005; the line is at 0.001."""
    cell = Cell(n=100, regime="mid")
    tallied = Counter(builds=400, FAIL=failed)
    assert PROMISES[0].is_broken(cell, tallied) is broken


# ── the command ──────────────────────────────────────────────────────────────────────────────────

PART = ("--cells", "^n020-mid-m01-stable$", "--builds", "30", "--jobs", "1")


def test_a_part_can_be_simulated_and_is_not_simulated_twice(tmp_path, capsys, monkeypatch):
    assert main([*PART, "--folder", str(tmp_path)]) == 0
    first = capsys.readouterr().out
    assert "1/1  n020-mid-m01-stable: INCONCLUSIVE 30" in first
    assert "| false alarms of a build | ≤ 5 % |" in first

    def refuse(cell, *, builds):
        raise AssertionError(f"{cell.name} was simulated again")

    monkeypatch.setattr(verify_gates, "tally", refuse)
    assert main([*PART, "--folder", str(tmp_path)]) == 0


def test_a_broken_promise_is_the_exit_code(tmp_path, monkeypatch):
    monkeypatch.setattr(
        verify_gates, "tally", lambda cell, *, builds: Counter({"builds": builds, "small FAIL": 20})
    )
    assert main([*PART, "--folder", str(tmp_path)]) == 1


def test_the_page_is_never_written_from_a_part(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([*PART, "--folder", str(tmp_path), "--write"])
    assert "the page needs every cell" in capsys.readouterr().err


# ── the page ─────────────────────────────────────────────────────────────────────────────────────


def test_cells_are_told_apart_by_name():
    names = [cell.name for cell in all_cells()]
    assert len(names) == len(set(names))
    for word in ("n020", "n200", "m12", "low", "high", "clustered", "rerolled", "looks"):
        assert any(word in name for name in names), word


def test_counts_survive_their_file():
    tallied = {
        cell: Counter({"builds": 10, "PASS": i % 11, "mean < 0.80": 3})
        for i, cell in enumerate(all_cells())
    }
    again = from_csv(to_csv(tallied))
    assert {cell: +counts for cell, counts in again.items()} == {
        cell: +counts for cell, counts in tallied.items()
    }


def test_calls_survive_their_file():
    rows = [
        calls.Calls(cases=100, regime="low", rerolled=True, identical=identical, builds=400,
                    asked=asked, failed=0.0475, passed=0.9)
        for identical, asked in ((0.0, 0.6425), (0.5, 0.2543))
    ]  # fmt: skip
    assert calls.from_csv(calls.to_csv(rows)) == rows


@pytest.mark.parametrize(("asked", "held"), [(0.65, True), (0.69, True), (0.70, False)])
def test_a_few_calls_short_of_the_promise_may_be_chance(asked, held):
    """At most 0.3 / √400 = 0.015 is one standard error, three are 0.045."""
    row = calls.Calls(cases=100, regime="low", rerolled=True, identical=0.0, builds=400,
                      asked=asked, failed=0.0, passed=1.0)  # fmt: skip
    assert row.held is held


@pytest.mark.slow
def test_the_engine_asks_as_few_questions_as_the_simulation_says():
    """Counted at the judge, and as if every look had been taken: two ways to one number.

    The engine also asks about the known ones, half, of the twenty that are judged all the same.
    """
    change = Change(identical=0.5)
    engine = calls.measured((100, "mid", change), builds=40)
    cell = Cell(n=100, regime="mid", looks=True, change=change)
    anchors = 0.5 * ANCHORS / 100
    simulated = judged(cell, tally(cell, builds=BUILDS))
    assert engine.asked == pytest.approx(simulated + anchors, abs=0.03)
    assert engine.held


def test_the_committed_page_shows_the_committed_counts():
    """And these are of enough builds, of every cell, with every promise kept."""
    counts = from_csv(verify_gates.COUNTS.read_text("utf-8"))
    assert set(counts) == set(all_cells())
    assert min(tallied["builds"] for tallied in counts.values()) >= verify_gates.BUILDS
    found = findings(counts)
    assert [finding for finding in found if finding.broken] == []
    asked = calls.from_csv(verify_gates.CALLS.read_text("utf-8"))
    assert len(asked) == len(calls.SETTINGS)
    assert min(row.builds for row in asked) >= verify_gates.ENGINE_BUILDS
    assert all(row.held for row in asked)
    assert verify_gates.PAGE.read_text("utf-8") == page(counts, found, asked)
