"""Simulated builds, decided by evalkit's own gates and by the rules people use instead.

Scores become the records that a run leaves, and `decide_build` decides them as it decides a run's;
nothing of the gates is written here a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.gate_rates.model import PER_DOCUMENT, REGIMES, Bools, Change, Scores, draw
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Measurement
from evalkit.gates.sequential import looks_of, ordered
from evalkit.records import (
    Answer,
    Baseline,
    BaselineCase,
    Case,
    Decision,
    Fingerprint,
    Looks,
    Run,
    Score,
    Stop,
    Trial,
)

SEED = 20261122
AT_ONCE = 50
"""Builds drawn together: as many as keep the arrays in the processor's cache."""

TOO_FEW_CASES, TOO_FEW_CLUSTERS = 30, 10
"""Below these the gates' defaults decide nothing. A second set of gates without them is then asked
too, so that the test itself is measured."""

ORDER = "verify-gates"

NAIVE = ("mean < 0.80", "mean < 0.85", "mean < baseline", "any case < 0.5")
"""The rules people use elsewhere."""


def is_red(rule: str, scores: Scores) -> Bools:
    """Whether each build is red under a rule in use elsewhere: any of its metrics is."""
    mean = scores.now.mean(axis=-1)
    if rule == "mean < baseline":
        red = mean < scores.before.mean(axis=(-2, -1))
    elif rule == "any case < 0.5":
        red = (scores.now < 0.5).any(axis=-1)
    else:
        red = mean < float(rule.removeprefix("mean < "))
    return red.any(axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One setting of the simulation: builds of `n` cases, `metrics` gating metrics each."""

    n: int
    regime: str
    metrics: int = 1
    clustered: bool = False
    looks: bool = False
    change: Change = field(default_factory=Change)

    @property
    def name(self) -> str:
        """Says the setting, and orders and seeds it."""
        change = self.change
        parts = [
            f"n{self.n:03}",
            self.regime,
            f"m{self.metrics:02}",
            "rerolled" if change.rerolled else "stable",
            *(["clustered"] if self.clustered else []),
            *([f"identical{change.identical:g}"] if change.identical else []),
            *([f"drop{change.drop:.2f}-{change.shape}"] if change.drop else []),
            *([f"worse{change.worse}"] if change.drop and change.worse > 1 else []),
            *(["looks"] if self.looks else []),
        ]
        return "-".join(parts)

    @property
    def too_small(self) -> bool:
        """Whether the gates' defaults refuse to decide on so little evidence."""
        clusters = self.n // PER_DOCUMENT if self.clustered else self.n
        return self.n < TOO_FEW_CASES or clusters < TOO_FEW_CLUSTERS


def tally(cell: Cell, *, builds: int) -> Counter[str]:
    """How `builds` builds of a cell end: by outcome, by rule, and what their judges are asked.

    The same cell and number give the same builds on every machine.
    """
    rng = np.random.default_rng([SEED, *cell.name.encode()])
    counted: Counter[str] = Counter(builds=builds)
    stage = Stage(cell)
    for start in range(0, builds, AT_ONCE):
        scores = stage.drawn(rng, min(AT_ONCE, builds - start))
        for rule in NAIVE:
            counted[rule] += int(is_red(rule, scores).sum())
        stage.decide(scores, counted)
    return counted


class Stage:
    """What all builds of a cell share, and the gates that decide them."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.metrics = [f"metric_{i}" for i in range(cell.metrics)]
        self.ids = [f"case-{i:04}" for i in range(cell.n)]
        self.clusters = [
            f"document {i // PER_DOCUMENT}" if cell.clustered else "" for i in range(cell.n)
        ]
        self.cases = tuple(
            Case(id=case_id, input="question", cluster=cluster)
            for case_id, cluster in zip(self.ids, self.clusters, strict=True)
        )
        answer = Answer(text="answer")
        self.trials = tuple(Trial(case_id=i, repeat=0, outcome=answer) for i in self.ids)
        self.fingerprint = _fingerprint(self.metrics)
        self.gates = [MetricGate(name=name) for name in self.metrics]
        self.small_gates = [
            MetricGate(name=name, min_cases=2, min_clusters=2) for name in self.metrics
        ]
        self.sizes = looks_of(cell.n)
        place = {case_id: i for i, case_id in enumerate(self.ids)}
        self.order = [place[case_id] for case_id in ordered(ORDER, self.ids)]
        self.looks = self._looks() if cell.looks else None

    def _looks(self) -> Looks:
        """As if every look had been taken: the gate stops at the same one, which is its promise."""
        stops = [
            Stop(metric=name, sizes=self.sizes, look=len(self.sizes), spared=())
            for name in self.metrics
        ]
        return Looks(seed=ORDER, tests=self.cell.metrics, stops=tuple(stops))

    def drawn(self, rng: np.random.Generator, builds: int) -> Scores:
        """The scores of some builds."""
        return draw(
            rng,
            REGIMES[self.cell.regime],
            self.cell.change,
            builds=builds,
            metrics=self.cell.metrics,
            cases=self.cell.n,
            clustered=self.cell.clustered,
        )

    def records(self, scores: Scores) -> Iterator[tuple[Run, Baseline]]:
        """Each build as what it leaves: a run, and the baseline it is compared with."""
        before, now = scores.before.transpose(0, 2, 1, 3).tolist(), scores.now.tolist()
        for cases, candidate in zip(before, now, strict=True):
            yield self._run(candidate), self._baseline(cases)

    def decide(self, scores: Scores, counted: Counter[str]) -> None:
        """Decide every build, and count how each ends."""
        for number, (run, baseline) in enumerate(self.records(scores)):
            measurement = Measurement(run=run, estimates=(), baseline=baseline)
            (decision,) = decide_build([(self.gates, measurement)])
            counted[decision.outcome] += 1
            if self.cell.looks:
                counted["judged"] += self._judged(decision, scores.known[number])
            if self.cell.too_small:
                (decision,) = decide_build([(self.small_gates, measurement)])
                counted[f"small {decision.outcome}"] += 1

    def _judged(self, decision: Decision, known: Bools) -> int:
        """How many scores a judge is asked for where judging ends at the look that decided."""
        looks = {test.metric: test.look for test in decision.comparisons}
        asked = 0
        for name, row in zip(self.metrics, known, strict=True):
            size = self.sizes[looks[name] - 1]
            asked += size - int(row[self.order[:size]].sum())
        return asked

    def _run(self, now: list[list[float]]) -> Run:
        scores = tuple(
            Score(case_id=case_id, repeat=0, metric=metric, value=value)
            for metric, values in zip(self.metrics, now, strict=True)
            for case_id, value in zip(self.ids, values, strict=True)
        )
        return Run(
            schema_version=1,
            evalkit_version="",
            commit="",
            started_at="",
            duration_s=0.0,
            purpose="",
            fingerprint=self.fingerprint,
            cases=self.cases,
            trials=self.trials,
            scores=scores,
            looks=self.looks,
        )

    def _baseline(self, before: list[list[list[float]]]) -> Baseline:
        cases = tuple(
            BaselineCase(
                id=case_id,
                cluster=cluster,
                scores=tuple(zip(self.metrics, map(tuple, epochs), strict=True)),
                input_tokens=(),
                output_tokens=(),
                usd=(),
            )
            for case_id, cluster, epochs in zip(self.ids, self.clusters, before, strict=True)
        )
        return Baseline(
            schema_version=2,
            evalkit_version="",
            commit="",
            promoted_at="",
            promoted_by="",
            because="",
            epochs=len(before[0][0]),
            fingerprint=self.fingerprint,
            cases=cases,
        )


def _fingerprint(metrics: list[str]) -> Fingerprint:
    return Fingerprint(
        suite="simulated",
        profile="simulated",
        dataset="simulated@1",
        dataset_slice="",
        dataset_digest="",
        target="",
        generator="",
        judge="simulated",
        judge_card="",
        embedder="",
        price_table="",
        metrics=tuple((name, "1") for name in metrics),
        prompts=(),
        config_digest="",
    )
