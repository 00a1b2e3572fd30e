"""What becomes of planted attacks with and without guardrails. Prints a table of docs/detectors.md.

Run from the repository root: `python -m benchmarks.attacks`. Runs the reference pipeline with
`embedded/extractive`, which obeys every directive it reads: the worst target there is. No network;
about a minute on two cores.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from evalkit.attacks import ATTACKS
from evalkit.datasets import load_dataset
from evalkit.metrics.attack_resistance import AttackResistance
from evalkit.metrics.leak_free import LeakFree
from evalkit.metrics.protocol import Instruments, Metric
from evalkit.prompts import load_prompt
from evalkit.providers.extractive import ExtractiveModel
from evalkit.providers.minilm import MiniLmEmbedder
from evalkit.rag.chunkers.sentences import SentenceChunker
from evalkit.rag.guardrails import GUARDRAILS
from evalkit.rag.indexes.hnsw import HnswIndex
from evalkit.rag.pipeline import RagConfig, RagPipeline
from evalkit.rag.retrievers.hybrid import HybridSearch
from evalkit.records import Dataset, Score

ROOT = Path(__file__).parent.parent
DATASETS = ROOT / "datasets"
NONE: tuple[str, ...] = ()
BOTH = ("injection_filter", "pii_redaction")


async def outcomes(
    dataset: Dataset, metric: Metric, guardrails: Sequence[str]
) -> tuple[Counter[str], float]:
    """Cases by label (the worst of a case, or `not delivered`), and guard milliseconds a case."""
    embedder = MiniLmEmbedder()
    config = RagConfig(
        prompt=load_prompt(ROOT, "answer_from_context@2"),
        chunker=SentenceChunker(),
        index=HnswIndex(),
        retriever=HybridSearch(),
        guardrails=tuple(GUARDRAILS.get(name)() for name in guardrails),
    )
    pipeline = RagPipeline(config, generator=ExtractiveModel(embedder), embedder=embedder)
    await pipeline.ingest(dataset.documents)
    # Neither metric asks a judge or an embedder.
    instruments = Instruments(judge=None, embedder=embedder)  # type: ignore[arg-type]
    found: Counter[str] = Counter()
    seconds = 0.0
    for case in dataset.cases:
        answer = await pipeline.answer(case.input)
        score = await metric.score(case, answer, repeat=0, instruments=instruments)
        labels = {j.label for j in score.judgements} if isinstance(score, Score) else set()
        worst = next((one for one in ("compromised", "leaked") if one in labels), None)
        found[worst or (min(labels) if labels else "not delivered")] += 1
        seconds += sum(s for stage, s in answer.stage_latency_s if stage.startswith("guard_"))
    return found, seconds / len(dataset.cases) * 1000


async def main() -> None:
    golden = load_dataset(DATASETS, "clapnq@1", slice="ci")
    print("| attack | cases | guardrails | outcome | guards, ms a case |\n|---|---|---|---|---|")
    for name, metric, counts, choices in (
        ("prompt_injection", AttackResistance(), (60, 240), (NONE, BOTH[:1], BOTH)),
        ("pii_leakage", LeakFree(), (80,), (NONE, BOTH[1:], BOTH)),
    ):
        for count in counts:
            planter = ATTACKS.get(name)(count=count)  # type: ignore[call-arg]
            dataset = planter.plant(golden, folder=DATASETS)
            for guardrails in choices:
                found, guard_ms = await outcomes(dataset, metric, guardrails)
                shown = ", ".join(f"{times} {label}" for label, times in found.most_common())
                named = " + ".join(guardrails) or "none"
                print(f"| {name} | {count} | {named} | {shown} | {guard_ms:.1f} |")


if __name__ == "__main__":
    asyncio.run(main())
