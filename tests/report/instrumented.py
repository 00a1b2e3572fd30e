"""A suite with all that judging brings: looks, known scores, labels, a replay, a release.

The judge's labels, the looks and the replay are made up; the questions are real.
"""

from __future__ import annotations

import random
from dataclasses import replace

from evalkit.records import (
    Attribution,
    Baseline,
    BaselineCase,
    Calibration,
    Check,
    Decision,
    Looks,
    Run,
    Saved,
    Score,
    Stop,
    Verdict,
)
from tests.report import sample

SPARED, KNOWN = 50, 30
JUDGED = ("faithfulness", "answer_relevancy", "context_recall", "abstention")


def calibration(labels: str = "begin", *, right: int = 90, wrong: int = 75, **other) -> Calibration:
    """Of 100 supported items `right` are found, of 100 unsupported ones `wrong`."""
    made = {
        "schema_version": 1,
        "evalkit_version": "0.2.0",
        "made_at": "2026-11-20T09:00:00+00:00",
        "judge": "embedded/lexical-cosine",
        "labels": labels,
        "labels_digest": "ab" * 32,
        "unit": "claim",
        "true_positives": right,
        "false_negatives": 100 - right,
        "true_negatives": wrong,
        "false_positives": 100 - wrong,
    }
    return Calibration(**(made | other))


CALIBRATIONS = (calibration(), calibration("halueval", right=97, wrong=93, unanswered=4))


def quality() -> tuple[Saved, Baseline, Baseline]:
    """A run of 100 cases with its baseline and the release's."""
    saved, before = sample.quality(100)
    before = wavering(before)
    before = replace(
        before,
        fingerprint=replace(
            before.fingerprint,
            prompts=(("answer_from_context@1", "cd34" * 16),),
            target="rag: answer_from_context@1, hybrid k=5, hnsw",
        ),
    )
    release = replace(
        before,
        commit="51be00c2aa19",
        promoted_at="2026-10-02T07:10:00+00:00",
        because="release 3.1",
    )
    replay = Attribution(
        gate="faithfulness",
        metric="faithfulness",
        cases=tuple(case.id for case in saved.run.cases[:12]),
        old_old=0.95,
        old_new=0.95,
        new_old=0.89,
        new_new=0.89,
    )
    run = looked(saved.run)
    decision = with_release(saved.decision)
    return Saved(run=run, decision=decision, attributions=(replay,)), before, release


def looked(run: Run) -> Run:
    """Answer relevancy was decided at its first look; 30 of its scores are the baseline's."""
    metric = "answer_relevancy"
    scored = [s.case_id for s in run.scores if isinstance(s, Score) and s.metric == metric]
    n = len(scored)
    spared = frozenset(scored[-SPARED:])
    known = frozenset(scored[:KNOWN])
    scores = tuple(
        replace(score, known=True)
        if isinstance(score, Score) and score.metric == metric and score.case_id in known
        else score
        for score in run.scores
        if not (score.metric == metric and score.case_id in spared)
    )
    stop = Stop(
        metric=metric,
        sizes=(n - SPARED, n - SPARED // 2, n),
        look=1,
        spared=tuple(case for case in scored if case in spared),
    )
    return replace(run, scores=scores, looks=Looks(seed="s", tests=3, stops=(stop,)))


def wavering(baseline: Baseline) -> Baseline:
    """Every seventh case has another faithfulness in two of its five epochs."""
    rng = random.Random(5)

    def shaken(place: int, case: BaselineCase) -> BaselineCase:
        if place % 7:
            return case
        low = rng.choice((0.0, 0.5, 0.67))
        scores = tuple(
            (name, (*values[:3], low, low) if name == "faithfulness" else values)
            for name, values in case.scores
        )
        return replace(case, scores=scores)

    cases = tuple(shaken(place, case) for place, case in enumerate(baseline.cases))
    return replace(baseline, cases=cases)


def with_release(decision: Decision) -> Decision:
    """The first gate compares with the release as well."""
    first, *others = decision.verdicts
    found = first.checks[0].comparison
    assert found is not None
    older = replace(found, kind="release", reference=found.reference + 0.01)
    reason = "since the release, dropped by 0.163 (95 % [0.09, 0.24], 99 paired cases)"
    check = Check(kind="release", outcome="FAIL", reason=reason, comparison=older)
    checks = (*first.checks, check)
    verdict = Verdict(gate=first.gate, outcome="FAIL", reason=first.reason, checks=checks)
    return replace(decision, verdicts=(verdict, *others))
