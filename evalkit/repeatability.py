"""How far a target's model is from repeating itself: `evalkit vllm noise`.

The prompts are those of a suite, rendered by its own pipeline; every reply is bought anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from evalkit import assemble
from evalkit.calls.traffic import Traffic
from evalkit.config import Project
from evalkit.errors import ConfigError, Problem
from evalkit.plan import Plan
from evalkit.records import ModelRequest
from evalkit.serving.noise import Noise, measured_noise
from evalkit.targets.rag import RagTarget

CASES = 20
AT_ONCE = (1, 16)


def suite_noise(
    path: Path,
    *,
    project: Project,
    profile: str,
    cases: int = CASES,
    at_once: Sequence[int] = AT_ONCE,
    runs: int = 2,
) -> tuple[Noise, ...]:
    """The noise of each target of a suite, on its first cases.

    Raises `ConfigError` where a target is no pipeline of evalkit's, whose prompts nobody knows.
    """
    found = []
    for plan in assemble.plans(
        path, project=project, profile=profile, traffic=Traffic(cached=False)
    ):
        if not isinstance(plan.target, RagTarget):
            what = "noise is measured on a target of kind rag, whose prompts are known"
            raise ConfigError([Problem(where=plan.name, what=what)])
        found.append(asyncio.run(_noise(plan, plan.target, cases, at_once, runs)))
    return tuple(found)


async def _noise(
    plan: Plan, target: RagTarget, cases: int, at_once: Sequence[int], runs: int
) -> Noise:
    pipeline = target.pipeline
    try:
        await target.ingest(plan.dataset.documents)
        asked: list[ModelRequest] = []
        for case in plan.dataset.cases[:cases]:
            request = await pipeline.request(case.input)
            if request is not None:
                asked.append(request)
        generator = pipeline.generator
        return await measured_noise(
            generator.complete,
            asked,
            model=f"{plan.name}: {generator.name}",
            fingerprint=generator.fingerprint,
            at_once=at_once,
            runs=runs,
        )
    finally:
        await plan.remote.close()
