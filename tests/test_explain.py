"""How a verdict came about, in words; look at a change of a snapshot before accepting it."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import explain
from evalkit.baselines import passages_digest
from evalkit.errors import DataError
from evalkit.gates.budget import CostGate
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Promise
from evalkit.gates.rate import RateGate
from evalkit.gates.sequential import looks_of, ordered
from evalkit.gates.versus import VersusGate
from evalkit.records import Attack, Attribution, Calibration, Looks, Replay, Saved, Score, Stop
from tests.builders import make_baseline, make_run, measured

NOW = "2026-11-22T08:00:00+00:00"
GATE = MetricGate(name="faithfulness")


def wavering(mean: float, sd: float, n: int = 100, seed: int = 4) -> dict[str, list[float]]:
    chance = random.Random(seed)

    def score() -> float:
        return round(min(1.0, max(0.0, chance.gauss(mean, sd))), 2)

    return {f"c{i:03}": [score() for _ in range(5)] for i in range(n)}


BEFORE = wavering(0.8, 0.05)


def after(shift: float, sd: float, *, missing: int = 0) -> dict[str, float | None]:
    """The baseline's means, moved by `shift` and shaken; the first few not scored."""
    chance = random.Random(5)
    found: dict[str, float | None] = {
        case_id: round(min(1.0, max(0.0, sum(v) / 5 + shift + chance.gauss(0, sd))), 2)
        for case_id, v in BEFORE.items()
    }
    return {c: None if i < missing else v for i, (c, v) in enumerate(found.items())}


def told(now, *gates, name="", saved=None, **changes) -> str:
    """The explanation of a gate on a run with these scores, against the baseline above."""
    gates = gates or (GATE,)
    run = now if not isinstance(now, dict) else make_run({"faithfulness": now})
    measurement = measured(run, make_baseline({"faithfulness": BEFORE}))
    measurement = replace(measurement, **{"judged_on": {"faithfulness": "answer"}, **changes})
    build = decide_build([(gates, measurement)])
    promise = Promise(
        suite="rag_quality",
        path=Path("suites/rag_quality.toml"),
        root=Path(),
        inconclusive="warn",
        gates=gates,
        lane=measurement.lane,
    )
    return explain.verdict(
        saved or Saved(run=run, decision=build[0]),
        name or gates[0].name,
        promise=promise,
        measurement=measurement,
        build=build,
        now=NOW,
    )


def calibration(**counts: int) -> Calibration:
    return Calibration(
        schema_version=1,
        evalkit_version="0.1.0",
        made_at=NOW,
        judge="embedded/lexical-cosine",
        labels="begin",
        labels_digest="d",
        unit="answer",
        **counts,
    )


# ── four verdicts, whole ─────────────────────────────────────────────────────────────────────────


def test_a_failed_gate(snapshot):
    """A drop of 0.08 with little noise, and a floor that the level still reaches."""
    assert told(after(-0.08, 0.1), MetricGate(name="faithfulness", floor=0.6)) == snapshot


def test_a_passed_gate(snapshot):
    assert told(after(0.0, 0.1)) == snapshot


def test_an_inconclusive_gate(snapshot):
    """The change could be nothing and could be beyond the margin."""
    text = told(after(0.03, 0.3))
    assert text.startswith("INCONCLUSIVE")
    assert text == snapshot


def test_a_gate_without_a_verdict(snapshot):
    """Three of a hundred are missing: the bounds are told beside the rules that did not decide."""
    assert told(after(-0.02, 0.1, missing=3)) == snapshot


# ── the parts ────────────────────────────────────────────────────────────────────────────────────


def test_the_numbers_are_those_of_the_test():
    """Half up by 0.02, half down by 0.06, from equal epochs: mean −0.02, sd 0.0402.

    SE = 0.0402/√100 = 0.0040, t = −4.97 on 99 degrees of freedom.
    """
    now = {c: v + (0.02 if i % 2 else -0.06) for i, (c, v) in enumerate(
        (c, 0.5) for c in BEFORE)}  # fmt: skip
    run = make_run({"faithfulness": now})
    measurement = measured(run, make_baseline({"faithfulness": dict.fromkeys(BEFORE, 0.5)}))
    build = decide_build([([GATE], measurement)])
    promise = Promise(
        suite="s", path=Path("s.toml"), root=Path(), inconclusive="warn", gates=(GATE,)
    )
    text = explain.verdict(
        Saved(run=run, decision=build[0]), "faithfulness",
        promise=promise, measurement=measurement, build=build,
    )  # fmt: skip
    assert "SE 0.0040, t = change / SE = −4.97 on 99 degrees of freedom" in text
    assert "rank 1 of 1 test computed in the build's family; p × 1 gives" in text
    assert "0 % of SE² is noise between runs of one build: more cases help most" in text


def test_the_place_in_the_family_counts_every_suite_of_the_build():
    """Two gates on equal numbers and a floor that holds: three tests, and Holm's price of three."""
    gates = (
        MetricGate(name="faithfulness", floor=0.5),
        MetricGate(name="again", metric="faithfulness"),
    )
    text = told(after(-0.08, 0.1), *gates)
    assert "rank 1 of 3 tests computed in the build's family; p × 3 gives" in text
    assert "rank 3 of 3 tests computed in the build's family; p × 1 gives" in text


def test_a_drop_below_min_effect_passes_and_says_which_rule_did_not_fire():
    """Significant, but a hair: FAIL asks for more, PASS has what it asks for."""
    text = told(after(-0.012, 0.01), GATE)
    assert text.startswith("PASS")
    assert "adjusted p ≤ 0.05 (yes) and a drop of at least min_effect 0.02 (no)" in text
    assert "above −margin −0.050 (yes)" in text


def test_a_calibrated_judge_tells_the_true_drop():
    """Sensitivity 0.9, specificity 0.75: J = 0.65, so that what it detects is 1/0.65 in truth."""
    known = calibration(
        true_positives=90, false_negatives=10, true_negatives=75, false_positives=25
    )
    text = told(after(-0.08, 0.1), calibrations=(known,))
    assert "Judge embedded/lexical-cosine: J = 0.65" in text
    (drops,) = re.findall(r"regression: detects (\S+) as judged, (\S+) true", text)
    judged, true = map(float, drops)
    assert true == pytest.approx(judged / 0.65, abs=0.001)
    assert "judge not calibrated" not in text


def test_a_judge_too_weak_to_pass_anything_is_named_as_what_decided():
    """J = 0.2: by the rules alone a PASS, by the judge's none."""
    weak = calibration(true_positives=60, false_negatives=40, true_negatives=60, false_positives=40)
    text = told(after(0.0, 0.1), calibrations=(weak,))
    assert text.startswith("INCONCLUSIVE")
    assert "these rules alone give PASS; what stands above made it INCONCLUSIVE" in text


def test_looks_and_known_scores_are_told_with_what_they_saved():
    """A drop of 0.3 is plain after 40 of 100 cases; 20 of those were known from the baseline."""
    order = ordered("seed", BEFORE)
    judged, spared = order[:40], order[40:]
    now = after(-0.3, 0.05)
    run = make_run({"faithfulness": now})
    scores = tuple(
        replace(score, known=score.case_id in order[:20])
        for score in run.scores
        if score.case_id in judged and isinstance(score, Score)
    )
    stop = Stop(metric="faithfulness", sizes=looks_of(100), look=1, spared=spared)
    run = replace(run, scores=scores, looks=Looks(seed="seed", tests=1, stops=(stop,)))
    text = told(run)
    assert text.startswith("FAIL")
    assert "look 1 of 3: p is held against this look's share of the error rate" in text
    assert "Judge not asked for 80 of 100 answers" in text
    assert "60 spared: judging ended at look 1 of 3 (40, 70, 100 cases)" in text
    assert "20 known: the answer is the baseline's, so is its score" in text


def test_what_moved_a_failed_gate_is_told_with_its_square():
    """And why nothing was replayed, where nothing was; another gate's square is not its own."""
    run = make_run({"faithfulness": after(-0.08, 0.1)})
    measurement = measured(run, make_baseline({"faithfulness": BEFORE}))
    (decision,) = decide_build([([GATE], measurement)])
    square = Attribution(
        gate="faithfulness", metric="faithfulness", cases=("c001", "c002"),
        old_old=0.9, old_new=0.9, new_old=0.84, new_new=0.84,
    )  # fmt: skip
    why = replace(square, why_not="nothing was kept")
    for attributions, says in (
        ((square,), "What moved it: retriever −0.06, generator 0.00 (2×2 replay over 2 cases)"),
        ((why,), "What moved it is not known: nothing was kept"),
    ):
        kept = Saved(run=run, decision=decision, attributions=attributions)
        assert says in told(run, saved=kept)
    other = Saved(run=run, decision=decision, attributions=(replace(square, gate="other"),))
    assert "What moved it" not in told(run, saved=other)


def test_a_comparison_that_is_no_test_has_no_place_in_the_family():
    """Judged on passages, and those are the baseline's: the scores' change is the judge's noise.

    Near miss: the same scores of a metric judged on answers are a test, the first of one.
    """
    run = make_run({"faithfulness": after(-0.08, 0.1)})
    same = (passages_digest(run.trials[0].outcome),) * 5
    baseline = make_baseline({"faithfulness": BEFORE})
    cases = tuple(replace(case, passages=same) for case in baseline.cases)
    known = replace(baseline, cases=cases)
    text = told(run, baseline=known, judged_on={"faithfulness": "passages"})
    assert text.startswith("PASS")
    assert "no test of the build" in text
    assert "FAIL asks for" not in text
    assert "rank 1 of 1 test" in told(run, baseline=known)


def test_a_release_has_a_family_of_its_own():
    """In the lane of releases the same change is tested twice, a family each."""
    baseline = make_baseline({"faithfulness": BEFORE})
    text = told(after(-0.08, 0.1), lane="release", release=baseline)
    assert text.startswith("FAIL: faithfulness of rag_quality (offline profile, lane release)")
    assert "rank 1 of 1 test computed in the build's family" in text
    assert "rank 1 of 1 test computed in the release's family" in text


def test_todays_verdict_is_told_beside_the_one_that_was_saved():
    """Saved under a margin of 0.05; nothing passes today's of 0.001. Without a change, no word.

    A gate that the saved run never had is said to be new.
    """
    run = make_run({"faithfulness": after(0.0, 0.1)})
    measurement = measured(run, make_baseline({"faithfulness": BEFORE}))
    measurement = replace(measurement, judged_on={"faithfulness": "answer"})
    (decision,) = decide_build([([GATE], measurement)])
    kept = Saved(run=run, decision=decision)
    assert "Saved was another verdict" not in told(run, saved=kept)
    strict = MetricGate(name="faithfulness", margin=0.001, min_effect=0.0)
    assert "Saved was another verdict, PASS: " in told(run, strict, saved=kept)
    new = MetricGate(name="new", metric="faithfulness")
    assert "The saved run has no verdict of this gate" in told(run, new, saved=kept)


def test_a_gate_on_something_else_is_told_by_its_own_words():
    """Cost has no test and no cases: its checks' reasons stand."""
    text = told(after(0.0, 0.1), CostGate(name="cost", max_usd_per_case=0.01))
    assert text.startswith("PASS: cost of rag_quality")
    assert "Worst cases" not in text
    assert "Judge" not in text


def test_a_gate_against_another_target_names_what_it_lacks():
    text = told(after(0.0, 0.1), VersusGate(name="v", metric="faithfulness"))
    assert text.startswith("ERROR")
    assert "Baseline: there is no other target to compare with" in text
    assert "Lowest cases:" in text


def test_what_changed_since_the_baseline_is_named():
    """One setting; and nothing where the same settings made both."""
    settings, before = (("target.retrieve.k", "1"),), (("target.retrieve.k", "5"),)
    run = replace(make_run({"faithfulness": after(-0.08, 0.1)}), settings=settings)
    baseline = replace(make_baseline({"faithfulness": BEFORE}), settings=before)
    assert "\n  changed since: target.retrieve.k 5 → 1\n" in told(run, baseline=baseline)
    same = replace(baseline, settings=settings)
    assert "changed since" not in told(run, baseline=same)


def test_cases_of_one_side_are_named():
    """Two new, one gone: left out of the comparison."""
    now = after(0.0, 0.1)
    del now["c099"]
    text = told({**now, "new1": 1.0, "new2": 1.0})
    assert "2 cases only now, left out: new1, new2" in text
    assert "1 case only in the baseline, left out: c099" in text


def test_a_gate_that_the_suite_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(DataError, match="faithfulness"):
        told(after(0.0, 0.1), name="faithfulnes")


# ── new breaches ─────────────────────────────────────────────────────────────────────────────────


def test_each_check_of_new_breaches_shows_its_own_replays():
    """c000 came back twice and c001 never; one replay of c000 had no answer."""
    scores = {f"c{i:03}": 0.0 if i < 2 else 1.0 for i in range(60)}
    run = make_run({"m": scores})
    attack = Attack(id="a", channel="user", technique="t")
    hits = {"c000": (True, None, True), "c001": (False, False, False)}
    run = replace(
        run,
        cases=tuple(replace(case, attack=attack) for case in run.cases),
        replays=tuple(
            Replay(case_id=case, metric=metric, hits=h if metric == "m" else (None,) * 3)
            for case, h in hits.items()
            for metric in ("m", "other")
        ),
    )
    before = make_baseline({"m": dict.fromkeys(scores, 1.0)})
    text = told(run, RateGate(name="m", compare=True), baseline=before)
    rule = "  FAIL asks for a hit in more than half of 3 replays, PASS for none"
    failed, passed = (
        [line for line in block.splitlines() if "replays" in line and "never hit" not in line]
        for block in text.split("\n\n")
        if block.startswith("new breach")
    )
    assert failed == [rule, "  c000: replays hit, no answer or score, hit"]
    assert passed == [rule, "  c001: replays not hit, not hit, not hit"]
