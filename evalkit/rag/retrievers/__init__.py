from evalkit.rag.protocol import RetrieverKind
from evalkit.registry import Registry

RETRIEVERS: Registry[type[RetrieverKind]] = Registry(
    "retrieval mode",
    "evalkit.retrievers",
    {
        "dense": "evalkit.rag.retrievers.dense:DenseSearch",
        "bm25": "evalkit.rag.retrievers.bm25:Bm25Search",
        "hybrid": "evalkit.rag.retrievers.hybrid:HybridSearch",
    },
)
"""Each is a dataclass: its fields are the options, a `ValueError` says what is wrong with one."""
