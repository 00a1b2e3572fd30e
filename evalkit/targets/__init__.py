from evalkit.registry import Registry
from evalkit.targets.protocol import Target

TARGETS: Registry[type[Target]] = Registry(
    "target",
    "evalkit.targets",
    {
        "rag": "evalkit.targets.rag:RagTarget",
        "callable": "evalkit.targets.callable:CallableTarget",
        "http": "evalkit.targets.http:HttpTarget",
    },
)
"""`rag` wraps a pipeline; in the other dataclasses every field but `root` is an option."""
