"""DeepEval on the workload: its four counterparts. argv: [shared] [first].

By default every call opens a client and a connection of its own; `shared` hands all models one HTTP
client. `first` scores one case only, for the cold start.
"""

from __future__ import annotations

import os
import sys

import workload

os.environ.update(
    DEEPEVAL_TELEMETRY_OPT_OUT="1", ERROR_REPORTING="0", DEEPEVAL_NO_INSPECT_PROMPT="1",
    DEEPEVAL_FILE_SYSTEM="READ_ONLY", DEEPEVAL_DISABLE_DOTENV="1", DO_NOT_TRACK="1",
)  # fmt: skip
os.environ.setdefault("OPENAI_API_KEY", "none")


def judge(n: int, name: str, *, shared: bool) -> None:
    import openai  # noqa: PLC0415 - the start of the process is timed
    from deepeval import evaluate  # noqa: PLC0415 - as above
    from deepeval.evaluate.configs import (  # noqa: PLC0415 - as above
        AsyncConfig,
        CacheConfig,
        DisplayConfig,
    )
    from deepeval.metrics import (  # noqa: PLC0415 - as above
        AnswerRelevancyMetric,
        ContextualPrecisionMetric,
        ContextualRecallMetric,
        FaithfulnessMetric,
    )
    from deepeval.models import OpenAIModel  # noqa: PLC0415 - as above
    from deepeval.test_case import LLMTestCase  # noqa: PLC0415 - as above

    kinds = (
        FaithfulnessMetric, AnswerRelevancyMetric, ContextualPrecisionMetric,
        ContextualRecallMetric,
    )  # fmt: skip
    more = {"async_http_client": openai.DefaultAsyncHttpxClient()} if shared else {}
    url = f"{workload.BASE}/v1"
    metrics = [
        kind(
            model=OpenAIModel(
                model="gpt-4o-mini", base_url=url, api_key="none", timeout=60, **more
            ),
            include_reason=True,
        )
        for kind in kinds
    ]
    cases = [
        LLMTestCase(
            name=row.id,
            input=row.question,
            actual_output=row.answer,
            retrieval_context=list(row.contexts),
            expected_output=row.reference,
        )
        for row in workload.rows(n)
    ]
    quiet = DisplayConfig(show_indicator=False, print_results=False, inspect_after_run=False)
    with workload.Phase(name, cases=n):
        found = evaluate(
            test_cases=cases,
            metrics=metrics,
            async_config=AsyncConfig(max_concurrent=workload.CONCURRENCY),
            cache_config=CacheConfig(write_cache=False),
            display_config=quiet,
        )
    scores = [metric.score for result in found.test_results for metric in result.metrics_data or ()]
    assert len(scores) == 4 * n
    assert all(score is not None for score in scores), "a case is unscored"


if __name__ == "__main__":
    shared = "shared" in sys.argv
    kind = "one shared client" if shared else "default"
    if "first" in sys.argv:
        judge(1, f"DeepEval {kind}, first case", shared=shared)
    else:
        judge(workload.CASES, f"DeepEval {kind}", shared=shared)
