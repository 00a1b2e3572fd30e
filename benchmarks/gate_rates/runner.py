"""Builds through evalkit's own engine, without models: every question to the judge is counted.

Stand-ins: the target answers with a text it is told, and the metric looks a score up where a real
one would ask a judge. What is real is the engine between them, and the gates.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.gate_rates.model import REGIMES, Change, draw
from evalkit import baselines
from evalkit.gates.decide import decide_build
from evalkit.gates.metric import MetricGate
from evalkit.gates.protocol import Gate, Measurement, Promise
from evalkit.journal import Place
from evalkit.measure import Engine
from evalkit.pipeline import collect, now
from evalkit.plan import Effort, Past, Plan
from evalkit.records import (
    Answer,
    Baseline,
    Case,
    Dataset,
    Fingerprint,
    Passage,
    Run,
    Score,
    Trial,
    Verdict,
)

METRIC = "scripted"
FINGERPRINT = Fingerprint(
    suite="s", profile="p", dataset="n@1", dataset_slice="", dataset_digest="d", target="t",
    generator="g", judge="stand-in", judge_card="", embedder="e", price_table="",
    metrics=((METRIC, "1"),), prompts=(), config_digest="c",
)  # fmt: skip


def answered(text: str, question: str) -> Answer:
    """An answer that was shown one passage, always the same for a question."""
    passage = Passage(
        document_id="d", chunk_id="d#0", text=f"about {question}", rank=1, similarity=0.5
    )
    return Answer(text=text, passages=(passage,))


@dataclass
class GivenTarget:
    """Answers with `texts` by question, each shown one passage."""

    texts: Mapping[str, str]
    fingerprint: str = "given"

    async def ingest(self, documents: object) -> None:
        """Nothing to search."""

    async def answer(self, question: str) -> Answer:
        """The text for this question."""
        return answered(self.texts[question], question)


@dataclass(frozen=True)
class GivenMetric:
    """Gives `values` by case, and notes each case that it was asked about."""

    name: ClassVar[str] = METRIC
    version: ClassVar[int] = 1
    judged_on: ClassVar[str] = "answer"
    values: Mapping[str, float | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def applies_to(self, case: Case) -> bool:
        """Every case."""
        return True

    async def score(self, case: Case, answer: Answer, *, repeat: int, instruments: object) -> Score:
        """The case's value; a value that is an exception is raised."""
        self.asked.append(case.id)
        value = self.values[case.id]
        if isinstance(value, Exception):
            raise value
        return Score(case_id=case.id, repeat=repeat, metric=self.name, value=value)


@dataclass(kw_only=True)
class Scripted:
    """One build: answers and scores by case, against a baseline of five epochs of both."""

    texts: Mapping[str, str]
    values: Mapping[str, float | Exception]
    baseline: Baseline | None
    gates: tuple[Gate, ...] = (MetricGate(name=METRIC),)
    tests: int = 1
    looks: bool = True
    seed: str = "seed"
    metric: GivenMetric = field(init=False)

    def __post_init__(self) -> None:
        self.metric = GivenMetric(values=self.values)

    @property
    def plan(self) -> Plan:
        """The suite with every name turned into an object."""
        cases = tuple(Case(id=case_id, input=case_id) for case_id in self.texts)
        return Plan(
            purpose="p",
            promise=Promise(
                suite="s", path=Path("s.toml"), root=Path(), inconclusive="warn",
                gates=self.gates, judged_on=((METRIC, "answer"),),
            ),
            dataset=Dataset(name="n", version="1", slice="", digest="d", cases=cases),
            target=GivenTarget(self.texts),
            metrics=(self.metric,),
            instruments=None,
            price=None,
            fingerprint=FINGERPRINT,
        )  # fmt: skip

    @property
    def past(self) -> Past | None:
        """What the engine may leave out."""
        if self.baseline is None:
            return None
        return Past(baseline=self.baseline, looks=self.looks, tests=self.tests, seed=self.seed)

    def run(self, folder: Path, *, repeats: int = 1, resume: bool = False) -> Run:
        """Through the engine."""
        place = Place(folder=folder, run_id="r", writer="main", resume=resume)
        effort = Effort(repeats=repeats)
        with Engine(self.plan, place=place, effort=effort, past=self.past) as engine:
            return collect(self.plan, engine.all(), started=now(), duration_s=0.0)

    def verdict(self, run: Run) -> Verdict:
        """What the gates make of the run."""
        measurement = Measurement(
            run=run,
            estimates=(),
            baseline=self.baseline,
            tests=self.tests,
            judged_on={METRIC: "answer"},
        )
        (decision,) = decide_build([(self.gates, measurement)])
        return decision.verdicts[0]


def baseline_of(epochs: list[tuple[Mapping[str, str], Mapping[str, float]]]) -> Baseline:
    """The baseline that these epochs of answers and scores, by case, make."""
    cases = tuple(Case(id=case_id, input=case_id) for case_id in epochs[0][0])
    run = Run(
        schema_version=1, evalkit_version="0", commit="c", started_at="2026-11-22T08:00:00+00:00",
        duration_s=0.0, purpose="p", fingerprint=FINGERPRINT, cases=cases,
        trials=tuple(
            Trial(case_id=case.id, repeat=repeat, outcome=answered(texts[case.id], case.id))
            for case in cases
            for repeat, (texts, _) in enumerate(epochs)
        ),
        scores=tuple(
            Score(case_id=case.id, repeat=repeat, metric=METRIC, value=values[case.id])
            for case in cases
            for repeat, (_, values) in enumerate(epochs)
        ),
    )  # fmt: skip
    return baselines.reduced(run)


# ── many builds ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Some builds of one kind: questions to the judge as a share of the cases, and verdicts."""

    builds: int
    asked: float
    failed: float
    passed: float


def counted(
    *, cases: int, builds: int, regime: str, change: Change, seed: int, tests: int = 1
) -> Counted:
    """Builds drawn from the simulations' model, each measured by the engine and decided."""
    rng = np.random.default_rng(seed)
    scores = draw(rng, REGIMES[regime], change, builds=builds, metrics=1, cases=cases)
    ids = [f"c{i:03}" for i in range(cases)]
    asked, outcomes = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for build in range(builds):
            before, now = scores.before[build, 0], scores.now[build, 0]
            known = scores.known[build, 0]
            old = dict.fromkeys(ids, "the answer of the baseline")
            texts = {i: old[i] if same else "another" for i, same in zip(ids, known, strict=True)}
            scripted = Scripted(
                texts=texts,
                values=dict(zip(ids, now.tolist(), strict=True)),
                baseline=baseline_of(
                    [(old, dict(zip(ids, epoch.tolist(), strict=True))) for epoch in before.T]
                ),
                tests=tests,
                seed=f"{seed} {build}",
            )
            run = scripted.run(Path(folder) / str(build))
            asked += len(scripted.metric.asked)
            outcomes[scripted.verdict(run).outcome] += 1
    return Counted(
        builds=builds,
        asked=asked / (builds * cases),
        failed=outcomes["FAIL"] / builds,
        passed=outcomes["PASS"] / builds,
    )
