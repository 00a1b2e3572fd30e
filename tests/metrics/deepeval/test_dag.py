from __future__ import annotations

import pytest

from evalkit.metrics.deepeval.dag import Dag

QUESTION = {
    "type": "BinaryJudgementNode",
    "criteria": "Is it polite?",
    "evaluation_params": ["actual_output"],
    "children": ["yes", "no"],
}
YES = {"type": "VerdictNode", "verdict": True, "score": 10}
NO = {"type": "VerdictNode", "verdict": False, "score": 0}


def graph(**changes):
    return {"polite": QUESTION, "yes": YES, "no": NO} | changes


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ({}, "at least one node"),
        (graph(no="0"), "node 'no' has the type ''; allowed: TaskNode"),
        (graph(no=NO | {"type": "Verdict"}), "node 'no' has the type 'Verdict'"),
        (graph(no={"type": "VerdictNode", "score": 1}), "node 'no' has no verdict"),
        (graph(no={"type": "VerdictNode", "verdict": False}), "needs a score or a child"),
        (graph(no=NO | {"child": {"type": "node", "ref": "yes"}}), "needs a score or a child"),
        ({"polite": QUESTION, "yes": YES}, "node 'polite' leads to 'no', which is no node"),
        (graph(polite={"type": "TaskNode"}), "'polite' has no instructions; .* no output_label"),
        (
            graph(no={"type": "VerdictNode", "verdict": False, "child": {"type": "geval"}}),
            "leads to a 'geval'; allowed: node",
        ),
    ],
)
def test_a_graph_that_cannot_be_walked_is_refused_before_the_run(nodes, reason, deepeval):
    with pytest.raises(ValueError, match=reason):
        Dag(nodes=nodes)


def test_what_its_nodes_are_shown_decides_which_cases_it_applies_to(deepeval, case, answer, score):
    bare = case(references=())
    assert Dag(nodes=graph()).applies_to(bare)
    compared = Dag(nodes=graph(polite=QUESTION | {"evaluation_params": ["expected_output"]}))
    assert not compared.applies_to(bare)
    assert compared.applies_to(case())
    grounded = Dag(nodes=graph(polite=QUESTION | {"evaluation_params": ["context"]}))
    assert score(grounded, case(), answer("In Paris.")).value == 0.0  # no passage, nothing asked
