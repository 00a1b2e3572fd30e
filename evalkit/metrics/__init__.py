"""Per-trial rules that give a score in [0, 1], higher is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.metrics.deepeval.refused import REFUSED
from evalkit.registry import Registry

if TYPE_CHECKING:
    # At run time this would import numpy, and the menu of metrics must cost nothing.
    from evalkit.metrics.protocol import Metric

METRICS: Registry[type[Metric]] = Registry(
    "metric",
    "evalkit.metrics",
    {
        "faithfulness": "evalkit.metrics.faithfulness:Faithfulness",
        "answer_relevancy": "evalkit.metrics.answer_relevancy:AnswerRelevancy",
        "context_precision": "evalkit.metrics.context_precision:ContextPrecision",
        "context_recall": "evalkit.metrics.context_recall:ContextRecall",
        "recall_at_k": "evalkit.metrics.recall_at_k:RecallAtK",
        "precision_at_k": "evalkit.metrics.precision_at_k:PrecisionAtK",
        "mrr": "evalkit.metrics.mrr:MRR",
        "ndcg_at_k": "evalkit.metrics.ndcg_at_k:NDCGAtK",
        "answer_similarity": "evalkit.metrics.answer_similarity:AnswerSimilarity",
        "abstention": "evalkit.metrics.abstention:Abstention",
        "attack_resistance": "evalkit.metrics.attack_resistance:AttackResistance",
        "leak_free": "evalkit.metrics.leak_free:LeakFree",
        "ragas/faithfulness": "evalkit.metrics.ragas.rag:Faithfulness",
        "ragas/answer_relevancy": "evalkit.metrics.ragas.rag:AnswerRelevancy",
        "ragas/context_precision": "evalkit.metrics.ragas.rag:ContextPrecision",
        "ragas/context_recall": "evalkit.metrics.ragas.rag:ContextRecall",
        "deepeval/faithfulness": "evalkit.metrics.deepeval.rag:Faithfulness",
        "deepeval/answer_relevancy": "evalkit.metrics.deepeval.rag:AnswerRelevancy",
        "deepeval/contextual_precision": "evalkit.metrics.deepeval.rag:ContextualPrecision",
        "deepeval/contextual_recall": "evalkit.metrics.deepeval.rag:ContextualRecall",
        "deepeval/contextual_relevancy": "evalkit.metrics.deepeval.rag:ContextualRelevancy",
        "deepeval/hallucination": "evalkit.metrics.deepeval.rag:Hallucination",
        "deepeval/bias": "evalkit.metrics.deepeval.safety:Bias",
        "deepeval/toxicity": "evalkit.metrics.deepeval.safety:Toxicity",
        "deepeval/pii_leakage": "evalkit.metrics.deepeval.safety:PIILeakage",
        "deepeval/misuse": "evalkit.metrics.deepeval.safety:Misuse",
        "deepeval/non_advice": "evalkit.metrics.deepeval.safety:NonAdvice",
        "deepeval/role_violation": "evalkit.metrics.deepeval.safety:RoleViolation",
        "deepeval/g_eval": "evalkit.metrics.deepeval.criteria:GEval",
        "deepeval/dag": "evalkit.metrics.deepeval.dag:Dag",
        "deepeval/prompt_alignment": "evalkit.metrics.deepeval.criteria:PromptAlignment",
        "deepeval/summarization": "evalkit.metrics.deepeval.criteria:Summarization",
        "deepeval/json_correctness": "evalkit.metrics.deepeval.exact:JsonCorrectness",
        "deepeval/exact_match": "evalkit.metrics.deepeval.exact:ExactMatch",
        "deepeval/pattern_match": "evalkit.metrics.deepeval.exact:PatternMatch",
    },
    refused=REFUSED,
)

__all__ = ["METRICS"]
