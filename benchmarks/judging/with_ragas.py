"""RAGAS on the workload: the four RAG metrics. argv: collections | evaluate [first].

`collections` are its newer metrics, one client, as many in flight as the others have; `evaluate` is
`ragas.evaluate` with LangChain's client. `first` scores one case only, for the cold start.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import warnings
from typing import Any

import workload

os.environ.update(RAGAS_DO_NOT_TRACK="true", DO_NOT_TRACK="1", LANGSMITH_TRACING="false")
os.environ.setdefault("OPENAI_API_KEY", "none")
warnings.filterwarnings("ignore")
URL = f"{workload.BASE}/v1"


def collections(n: int, name: str) -> None:
    import openai  # noqa: PLC0415 - the start of the process is timed
    from ragas.embeddings.base import embedding_factory  # noqa: PLC0415 - as above
    from ragas.llms import llm_factory  # noqa: PLC0415 - as above
    from ragas.metrics.collections import (  # noqa: PLC0415 - as above
        AnswerRelevancy,
        ContextPrecision,
        ContextRecall,
        Faithfulness,
    )

    async def score() -> None:
        client = openai.AsyncOpenAI(base_url=URL, api_key="none", max_retries=0)
        llm = llm_factory("gpt-4o-mini", client=client)
        embeddings = embedding_factory("openai", model="e", client=client)
        faithful, relevant = Faithfulness(llm=llm), AnswerRelevancy(llm=llm, embeddings=embeddings)
        precise, recalled = ContextPrecision(llm=llm), ContextRecall(llm=llm)
        slots = asyncio.Semaphore(workload.CONCURRENCY)

        async def one(metric: Any, **given: Any) -> float:
            async with slots:
                return float((await metric.ascore(**given)).value)

        with workload.Phase(name, cases=n):
            jobs = []
            for row in workload.rows(n):
                asked, contexts = row.question, list(row.contexts)
                said, right = row.answer, row.reference
                jobs += [
                    one(faithful, user_input=asked, response=said, retrieved_contexts=contexts),
                    one(relevant, user_input=asked, response=said),
                    one(precise, user_input=asked, reference=right, retrieved_contexts=contexts),
                    one(recalled, user_input=asked, reference=right, retrieved_contexts=contexts),
                ]
            values = await asyncio.gather(*jobs)
        assert len(values) == 4 * n
        assert not any(map(math.isnan, values)), "a score is NaN"

    asyncio.run(score())


def evaluate(n: int, name: str) -> None:
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings  # noqa: PLC0415 - as above
    from ragas import EvaluationDataset, RunConfig, SingleTurnSample  # noqa: PLC0415 - as above
    from ragas import evaluate as ragas_evaluate  # noqa: PLC0415 - as above
    from ragas.embeddings import LangchainEmbeddingsWrapper  # noqa: PLC0415 - as above
    from ragas.llms import LangchainLLMWrapper  # noqa: PLC0415 - as above
    from ragas.metrics import (  # noqa: PLC0415 - as above
        Faithfulness,
        LLMContextPrecisionWithReference,
        LLMContextRecall,
        ResponseRelevancy,
    )

    chat = ChatOpenAI(model="gpt-4o-mini", base_url=URL, api_key="none", max_retries=0)
    embeddings = OpenAIEmbeddings(
        model="e", base_url=URL, api_key="none", check_embedding_ctx_length=False
    )
    samples = [
        SingleTurnSample(
            user_input=row.question,
            response=row.answer,
            retrieved_contexts=list(row.contexts),
            reference=row.reference,
        )
        for row in workload.rows(n)
    ]
    metrics = [
        Faithfulness(),
        ResponseRelevancy(),
        LLMContextPrecisionWithReference(),
        LLMContextRecall(),
    ]
    with workload.Phase(name, cases=n):
        found = ragas_evaluate(
            EvaluationDataset(samples),
            metrics=metrics,
            llm=LangchainLLMWrapper(chat),
            embeddings=LangchainEmbeddingsWrapper(embeddings),
            run_config=RunConfig(max_workers=workload.CONCURRENCY, timeout=120, max_retries=1),
            show_progress=False,
        )
    assert not found.to_pandas().isna().any(axis=None), "a score is NaN"


MODES = {"collections": collections, "evaluate": evaluate}

if __name__ == "__main__":
    mode = sys.argv[1]
    if "first" in sys.argv:
        MODES[mode](1, f"RAGAS {mode}, first case")
    else:
        # Once a process: a second `evaluate` finds its client bound to a loop that has ended.
        MODES[mode](workload.CASES, f"RAGAS {mode}")
