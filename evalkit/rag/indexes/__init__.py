from evalkit.rag.protocol import IndexKind
from evalkit.registry import Registry

INDEXES: Registry[type[IndexKind]] = Registry(
    "index",
    "evalkit.indexes",
    {
        "flat": "evalkit.rag.indexes.flat:FlatIndex",
        "hnsw": "evalkit.rag.indexes.hnsw:HnswIndex",
        "ivf": "evalkit.rag.indexes.ivf:IvfIndex",
    },
)
"""Each is a dataclass: its fields are the options, a `ValueError` says what is wrong with one."""
