from evalkit.rag.protocol import Chunker
from evalkit.registry import Registry

CHUNKERS: Registry[type[Chunker]] = Registry(
    "chunker",
    "evalkit.chunkers",
    {"sentences": "evalkit.rag.chunkers.sentences:SentenceChunker"},
)
"""Each is a dataclass: its fields are the options, a `ValueError` says what is wrong with one."""
