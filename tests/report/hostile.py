"""A run in which every field that a stranger can write is hostile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalkit import baselines
from evalkit.records import (
    Answer,
    Attack,
    Attribution,
    Baseline,
    Case,
    Decision,
    Failure,
    GuardrailEvent,
    Judgement,
    Passage,
    Saved,
    Score,
    Trial,
    Unscored,
)
from tests.report.pieces import run, verdict


def changed_by(texts: Sequence[str], saved: Saved) -> Baseline:
    """A baseline of the run before these settings were written over harmless ones."""
    settings = tuple(
        (name, f"was {text}") for (name, _), text in zip(saved.run.settings, texts, strict=True)
    )
    return replace(baselines.reduced(saved.run), settings=settings)


def hostile(texts: Sequence[str]) -> Saved:
    """A run in which every field that a stranger can write holds one of `texts`."""
    cases, trials, scores = [], [], []
    for i, text in enumerate(texts):
        attack = Attack(id=text, channel="document", technique=text, document_ids=(text,))
        case = Case(
            id=f"{i} {text}",
            input=f"Q {text}",
            references=(text,),
            relevant_ids=(text,),
            cluster=text,
            tags=(text,),
            attack=attack,
        )
        passage = Passage(
            document_id=text,
            chunk_id=text,
            text=f"a passage, {text}",
            title=text,
            rank=1,
            similarity=0.5,
        )
        event = GuardrailEvent(
            guardrail=text, stage="document", action="dropped", reason=text, subject=text
        )
        answer = Answer(
            text=text,
            passages=() if i % 2 else (passage,),
            retrieved=(passage,),
            events=(event,),
            stage_latency_s=((text, 0.1),),
            latency_s=0.1,
        )
        failure = Failure(stage=text, error_type=text, message=text)
        judged = (Judgement(unit=text, text=text, label="unsupported", evidence=text, note=text),)
        cases.append(case)
        trials.append(Trial(case_id=case.id, repeat=0, outcome=failure if i % 5 == 4 else answer))
        scores.append(
            Unscored(case_id=case.id, repeat=0, metric="faithfulness", reason=text)
            if i % 5 == 4
            else Score(
                case_id=case.id,
                repeat=0,
                metric="faithfulness",
                value=0.5,
                judgements=judged,
                parts=((text, 0.5),),
            )
        )
    made = run(
        texts[0],
        cases,
        trials,
        scores,
        purpose=texts[0],
        profile=texts[0],
        judge=texts[0],
        judge_card=texts[0],
        target=texts[0],
        prompts=((texts[0], "d" * 64),),
    )
    made = replace(
        made, settings=tuple((f"target.{i}{text}", text) for i, text in enumerate(texts))
    )
    verdicts = tuple(
        verdict(f"{i} {text}", (text, outcome, text, None, (cases[i].id, text)))
        for i, (text, outcome) in enumerate(
            zip(texts, ("FAIL", "ERROR", "INCONCLUSIVE", "PASS"), strict=False)
        )
    )
    replay = Attribution(gate=f"0 {texts[0]}", metric="faithfulness", why_not=texts[0])
    return Saved(
        run=made,
        attributions=(replay,),
        decision=Decision(
            outcome="FAIL", estimates=(), comparisons=(), verdicts=verdicts, baseline=texts[0]
        ),
    )
