"""Measurements whose answers took a stated time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.builders import by_case, make_baseline, make_run, measured


def timed(now: Sequence[float], before: Sequence[float], *, clusters=None, failed=()):
    """A run whose answers took `now` seconds, one a case, over a baseline of five equal epochs."""
    scores = {"m": by_case([1.0] * len(now))}
    run = make_run(scores, clusters=clusters, failed=failed)
    seconds = dict(zip(scores["m"], now, strict=True))
    trials = tuple(
        replace(trial, outcome=replace(trial.outcome, latency_s=float(seconds[trial.case_id])))
        if hasattr(trial.outcome, "latency_s")
        else trial
        for trial in run.trials
    )
    earlier = {f"c{i:03}": (float(value),) * 5 for i, value in enumerate(before)}
    baseline = make_baseline({"m": by_case([1.0] * len(before))})
    cases = tuple(replace(case, latency_s=earlier[case.id]) for case in baseline.cases)
    return measured(replace(run, trials=trials), replace(baseline, cases=cases))
