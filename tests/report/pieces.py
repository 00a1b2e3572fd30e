"""What sample builds are made of: runs, baselines, answers and verdicts in few words."""

from __future__ import annotations

import json
import random
from pathlib import Path

from evalkit.records import (
    Answer,
    Baseline,
    BaselineCase,
    Case,
    Check,
    Cost,
    Fingerprint,
    GuardrailEvent,
    Passage,
    Run,
    Usage,
    Verdict,
    worst,
)

DATA = Path(__file__).parents[2] / "datasets" / "clapnq" / "1"
METRICS = ("faithfulness", "answer_relevancy", "context_recall", "abstention", "recall_at_k")
CARD = "balanced accuracy 0.71 on 600 labelled claims"


def rows(name: str, count: int) -> list[dict]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:count]]


def fingerprint(suite: str, **other: object) -> Fingerprint:
    made = {
        "suite": suite,
        "profile": "offline",
        "dataset": "clapnq@1",
        "dataset_slice": "ci",
        "dataset_digest": "5f0c" * 16,
        "target": "rag: answer_from_context@2, hybrid k=5, hnsw",
        "generator": "embedded/extractive",
        "judge": "embedded/lexical-cosine",
        "judge_card": CARD,
        "embedder": "embedded/minilm",
        "price_table": "genai-prices 2026-11",
        "metrics": tuple((metric, "1") for metric in METRICS),
        "prompts": (("answer_from_context@2", "ab12" * 16),),
        "config_digest": "77aa" * 16,
    }
    return Fingerprint(**(made | other))


def run(suite: str, cases, trials, scores, *, purpose: str, **other: object) -> Run:
    return Run(
        schema_version=1,
        evalkit_version="0.1.0",
        commit="3d41f7a2c9e0",
        started_at="2026-11-22T08:29:07+00:00",
        duration_s=38.4,
        purpose=purpose,
        fingerprint=fingerprint(suite, **other),
        cases=tuple(cases),
        trials=tuple(trials),
        scores=tuple(scores),
    )


def baseline(of: Run, scores: dict[str, dict[str, float]], rng: random.Random) -> Baseline:
    cases = tuple(
        BaselineCase(
            id=case.id,
            cluster=case.cluster,
            scores=tuple((m, (v,) * 5) for m, v in scores[case.id].items()),
            input_tokens=(1200,) * 5,
            output_tokens=(60,) * 5,
            usd=(rng.uniform(3e-4, 5e-4),) * 5,
        )
        for case in of.cases
    )
    return Baseline(
        schema_version=1,
        evalkit_version="0.1.0",
        commit="9f2c1abe77d1",
        promoted_at="2026-11-19T07:10:00+00:00",
        promoted_by="Ada",
        epochs=5,
        because="first release of prompt v2",
        fingerprint=of.fingerprint,
        cases=cases,
    )


def answered(case: Case, docs: list[dict], rng: random.Random, *, worse: bool) -> Answer:
    gold = next((d for d in docs if d["id"] in case.relevant_ids), docs[0])
    others = rng.sample([d for d in docs if d is not gold], 4)
    picked = [*others[:1], gold, *others[1:]] if worse else [gold, *others]
    found = tuple(
        Passage(
            document_id=d["id"],
            chunk_id=f"{d['id']}#0",
            text=d["text"],
            title=d["title"],
            rank=i + 1,
            similarity=round(0.82 - 0.09 * i - rng.random() * 0.03, 4),
        )
        for i, d in enumerate(picked)
    )
    dropped = rng.random() < 0.1
    text = case.references[0] if case.references else "The passages do not say."
    times = tuple(
        (n, round(t * rng.uniform(0.7, 1.4), 4))
        for n, t in (("retrieve", 0.021), ("guard", 0.004), ("generate", 0.31))
    )
    return Answer(
        text=text,
        passages=found[:4] if dropped else found,
        retrieved=found,
        events=(
            GuardrailEvent(
                guardrail="injection_filter",
                stage="document",
                action="dropped",
                reason="reads like an instruction",
                subject=found[4].document_id,
            ),
        )
        if dropped
        else (),
        prompt="",
        usage=Usage(input_tokens=rng.randint(980, 1600), output_tokens=rng.randint(30, 90)),
        cost=Cost(usd=rng.uniform(3e-4, 5.4e-4)),
        latency_s=sum(t for _, t in times),
        stage_latency_s=times,
    )


def verdict(gate: str, *checks) -> Verdict:
    made = tuple(
        Check(kind=kind, outcome=outcome, reason=reason, comparison=comparison, cases=cases)
        for kind, outcome, reason, comparison, cases in checks
    )
    outcome = worst(tuple(check.outcome for check in made))
    return Verdict(
        gate=gate,
        outcome=outcome,
        checks=made,
        reason=next(c.reason for c in made if c.outcome == outcome),
    )
