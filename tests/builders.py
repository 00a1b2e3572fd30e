"""Small runs, baselines and measurements for tests: say the numbers, get the records.

Scores are written as metric → case id → value; a list gives one value a repeat, None is `Unscored`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from evalkit.aggregate import estimate
from evalkit.gates.decide import decide_build
from evalkit.gates.protocol import Gate, Measurement
from evalkit.records import (
    Answer,
    Baseline,
    BaselineCase,
    Case,
    Cost,
    Failure,
    Fingerprint,
    Run,
    Score,
    Trial,
    Unscored,
    Usage,
    Verdict,
)

Value = float | None | Sequence[float | None]
Scores = Mapping[str, Mapping[str, Value]]

FINGERPRINT = Fingerprint(
    suite="rag_quality",
    profile="offline",
    dataset="clapnq@1",
    dataset_slice="ci",
    dataset_digest="d" * 8,
    target="rag/1",
    generator="embedded/extractive",
    judge="embedded/lexical-cosine",
    judge_card="",
    embedder="embedded/minilm",
    price_table="2026-11",
    metrics=(("faithfulness", "1"),),
    prompts=(("answer@2", "p" * 8),),
    config_digest="c" * 8,
)


def by_case(values: Iterable[Value], prefix: str = "c") -> dict[str, Value]:
    """Values for the cases c000, c001, …"""
    return {f"{prefix}{i:03}": value for i, value in enumerate(values)}


def noisy(mean: float, spread: float = 0.02, n: int = 60) -> dict[str, Value]:
    """Scores alternately `spread` above and below: their standard error is spread/√(n − 1)."""
    return by_case([mean + spread * (-1) ** i for i in range(n)])


def repeated(value: Value) -> list[float | None]:
    return list(value) if isinstance(value, Sequence) else [value]


def make_run(
    scores: Scores,
    *,
    clusters: Mapping[str, str] | None = None,
    usage: Mapping[str, Usage] | None = None,
    usd: Mapping[str, float] | None = None,
    failed: Iterable[tuple[str, int]] = (),
    fingerprint: Fingerprint = FINGERPRINT,
) -> Run:
    """A run with an answered trial a case and repeat, except where `failed` names it.

    Each failed trial carries an `Unscored` for every metric of its case, as the engine records it.
    """
    clusters, usage, usd = clusters or {}, usage or {}, usd or {}
    ids = list(dict.fromkeys(case_id for cases in scores.values() for case_id in cases))
    repeats = max(
        (len(repeated(v)) for cases in scores.values() for v in cases.values()), default=1
    )
    lost = set(failed)
    trials, results = [], []
    for case_id in ids:
        for repeat in range(repeats):
            answer = Answer(
                text="a",
                usage=usage.get(case_id, Usage(input_tokens=100, output_tokens=10)),
                cost=Cost(usd=usd.get(case_id, 0.0)),
                latency_s=0.1,
            )
            failure = Failure(stage="answer", error_type="TimeoutError", message="slow")
            outcome = failure if (case_id, repeat) in lost else answer
            trials.append(Trial(case_id=case_id, repeat=repeat, outcome=outcome))
            results += [
                _score(case_id, repeat, metric, None if (case_id, repeat) in lost else value)
                for metric, cases in scores.items()
                if case_id in cases
                for value in repeated(cases[case_id])[repeat : repeat + 1]
            ]
    return Run(
        schema_version=1,
        evalkit_version="0.1.0",
        commit="abc1234",
        started_at="2026-11-22T08:00:00+00:00",
        duration_s=1.0,
        purpose="p",
        fingerprint=replace(fingerprint, metrics=tuple((name, "1") for name in scores)),
        cases=tuple(Case(id=i, input=f"q {i}", cluster=clusters.get(i, "")) for i in ids),
        trials=tuple(trials),
        scores=tuple(results),
    )


def _score(case_id: str, repeat: int, metric: str, value: float | None) -> Score | Unscored:
    if value is None:
        return Unscored(case_id=case_id, repeat=repeat, metric=metric, reason="the judge is out")
    return Score(case_id=case_id, repeat=repeat, metric=metric, value=value)


def make_baseline(
    scores: Scores,
    *,
    tokens: Mapping[str, tuple[int, int]] | None = None,
    usd: Mapping[str, float] | None = None,
    fingerprint: Fingerprint = FINGERPRINT,
) -> Baseline:
    """A baseline of five epochs; a single value stands for five equal ones."""
    tokens, usd = tokens or {}, usd or {}
    ids = list(dict.fromkeys(case_id for cases in scores.values() for case_id in cases))

    def epochs(value: Value) -> tuple[float, ...]:
        values = [v for v in repeated(value) if v is not None]
        return tuple(values * 5 if len(values) == 1 else values)

    return Baseline(
        schema_version=1,
        evalkit_version="0.1.0",
        commit="9f2c1ab0000",
        promoted_at="2026-11-19T08:00:00+00:00",
        promoted_by="ada",
        because="first",
        epochs=5,
        fingerprint=replace(fingerprint, metrics=tuple((name, "1") for name in scores)),
        cases=tuple(
            BaselineCase(
                id=i,
                cluster="",
                scores=tuple((m, epochs(cases[i])) for m, cases in scores.items() if i in cases),
                input_tokens=(tokens.get(i, (100, 10))[0],) * 5,
                output_tokens=(tokens.get(i, (100, 10))[1],) * 5,
                usd=(usd.get(i, 0.0),) * 5,
                latency_s=(0.1,) * 5,
            )
            for i in ids
        ),
    )


def measured(run: Run, baseline: Baseline | None = None, problem: str = "") -> Measurement:
    """A measurement of a run, with its estimates."""
    return Measurement(
        run=run, estimates=estimate(run), baseline=baseline, baseline_problem=problem
    )


def decided(gate: Gate, measurement: Measurement) -> Verdict:
    """The gate's verdict as a build of it alone gives it."""
    ((verdict,),) = [d.verdicts for d in decide_build([([gate], measurement)])]
    return verdict
