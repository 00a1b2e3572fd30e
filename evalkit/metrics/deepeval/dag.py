"""DeepEval's decision graph, as the document that its `dag_to_dict` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from evalkit.metrics.deepeval.adapter import DeepEval, JudgedMetric, first_reference
from evalkit.metrics.peers import Replies
from evalkit.records import Case

KINDS: Mapping[str, frozenset[str]] = {
    "TaskNode": frozenset({"instructions", "output_label"}),
    "BinaryJudgementNode": frozenset({"criteria", "children"}),
    "NonBinaryJudgementNode": frozenset({"criteria", "children"}),
    "VerdictNode": frozenset({"verdict"}),
}
"""The kinds of node, with the keys that each must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dag(JudgedMetric):
    """The points at the end of the path that the judge takes through a graph, by DeepEval.

    Range: 0 to 1, higher is better, as the graph gives its points.
    Unit: points of ten; 1 or 0 with `strict_mode`. One call a node on the path that is no verdict.
    Unscored: when the path ends without points.
    Source: deepeval 4.3.1, `DAGMetric`; `nodes` is the table of that name in the document that its
    `dag_to_dict` writes. Departures: a verdict leads to points or to another node, not to a metric.
    Example: one `BinaryJudgementNode` "Is it polite?", 10 points for true and 0 for false.
    """

    name: ClassVar[str] = "deepeval/dag"
    peer: ClassVar[str] = "DAGMetric"
    nodes: Mapping[str, Any]

    def __post_init__(self) -> None:
        faults = list(_faults(self.nodes)) if self.nodes else ["nodes holds at least one node"]
        if faults:
            raise ValueError("; ".join(faults))
        JudgedMetric.__post_init__(self)  # a slotted dataclass has no zero-argument super()

    def applies_to(self, case: Case) -> bool:
        """Every case, or those with a reference where a node is shown it."""
        return "expected_output" not in self._params() or first_reference(case) != ""

    def judges_passages(self) -> bool:
        return not {"context", "retrieval_context"}.isdisjoint(self._params())

    def made(self, peer: DeepEval, replies: Replies | None) -> Any:
        metric = JudgedMetric.made(self, peer, replies)
        _in_order(metric.dag.root_nodes)
        return metric

    def arguments(self, peer: DeepEval) -> dict[str, Any]:
        from deepeval.metrics.dag.serialization import (  # noqa: PLC0415 - optional, heavy
            dag_from_dict,
        )

        graph = dag_from_dict({"nodes": self.nodes})
        return {"name": "evalkit", "dag": graph, "strict_mode": self.strict_mode}

    def _params(self) -> set[str]:
        return {p for node in self.nodes.values() for p in node.get("evaluation_params", ())}


def _faults(nodes: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with each node, so that a graph is refused before anything is measured."""
    for name, node in nodes.items():
        kind = str(node.get("type")) if isinstance(node, Mapping) else ""
        if kind not in KINDS:
            yield f"node {name!r} has the type {kind!r}; allowed: {', '.join(KINDS)}"
            continue
        for key in sorted(KINDS[kind] - set(node)):
            yield f"node {name!r} has no {key}"
        child = node.get("child", {})
        if kind == "VerdictNode" and ("score" in node) == ("child" in node):
            yield f"node {name!r} needs a score or a child, one of them"
        if child and child.get("type") != "node":
            yield f"node {name!r} leads to a {child.get('type')!r}; allowed: node"
        named = [*node.get("children", ()), *([child["ref"]] if "ref" in child else ())]
        for other in named:
            if other not in nodes:
                yield f"node {name!r} leads to {other!r}, which is no node"


def _in_order(nodes: list[Any]) -> None:
    """Give each choice its options in the order of the alphabet.

    DeepEval keeps them in a set: prompt and schema would differ from process to process, and no
    stored reply would ever be found again.
    """
    from pydantic import create_model  # noqa: PLC0415 - it comes with deepeval

    for node in nodes:
        options = getattr(node, "_verdict_options", None)
        if options is not None:
            node._verdict_options = sorted(options)  # noqa: SLF001 - the release is pinned exactly
            choice: Any = Literal[tuple(node._verdict_options)]  # noqa: SLF001 - as above
            keys: dict[str, Any] = {"verdict": (choice, ...), "reason": (str, ...)}
            node._verdict_schema = create_model(  # noqa: SLF001 - as above
                "NonBinaryJudgementVerdict", **keys
            )
        child = getattr(node, "child", None)
        _in_order([*(getattr(node, "children", None) or ()), *([child] if child else ())])
