"""Per-trial rules that give a score in [0, 1], higher is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    },
)

__all__ = ["METRICS"]
