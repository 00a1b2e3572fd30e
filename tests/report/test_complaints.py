"""What several gates say alike is said once, with all their names."""

from __future__ import annotations

from dataclasses import replace

from evalkit.report.attribution_view import AttributionView
from evalkit.report.complaints import complaints
from evalkit.report.gate_view import GateRow, gate_rows
from tests.report import sample

REASON = "there is no baseline reports/baselines/offline/x.json"


def row(gate: str, outcome="ERROR", reason: str = REASON, **other) -> GateRow:
    saved, _ = sample.passing()
    (some,) = gate_rows(saved, None, {}, show=str)
    sentence = f"{gate}: {reason}"
    made = replace(some, gate=gate, outcome=outcome, reason=reason, sentence=sentence)
    return replace(made, **other)


def test_one_reason_is_said_once():
    found = complaints([row("a"), row("b"), row("c", reason="other")])
    assert [item.sentence for item in found] == [f"a, b: {REASON}", "c: other"]
    assert found[0].gates == ("a", "b")


def test_the_same_words_of_another_verdict_are_another_complaint():
    found = complaints([row("a"), row("b", "FAIL")])
    assert [item.sentence for item in found] == [f"a: {REASON}", f"b: {REASON}"]


def test_many_gates_are_counted():
    (found,) = complaints([row(name) for name in "abcdef"])
    assert found.sentence == f"a, b, c, d and 2 more: {REASON}"


def test_what_was_replayed_stays_with_its_gate():
    moved = AttributionView(said="retriever −0.06, generator +0.00", square=())
    first, second = complaints([row("a", attributions=(moved,)), row("b", reason="other")])
    assert (first.attributions, second.attributions) == ((moved,), ())
