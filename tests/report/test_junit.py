"""CI servers see each gate with its verdict and each case that could not be measured."""

from __future__ import annotations

import collections
from xml.etree import ElementTree as ET  # noqa: N817

import pytest

from evalkit.report.junit import report_junit
from evalkit.report.view import report_view
from tests.report.hostile import hostile
from tests.report.nasty import NASTY


@pytest.fixture(scope="module")
def root(view):
    return ET.fromstring(report_junit(view))


def red(case: ET.Element) -> list[str]:
    return [child.tag for child in case if child.tag != "system-out"]


def test_a_test_case_for_each_gate_and_each_case(root, view):
    expected = sum(len(suite.gates) + len(suite.cases) for suite in view.suites)
    assert len(list(root.iter("testcase"))) == expected == int(root.get("tests"))


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("gate[faithfulness]", ["failure"]),
        ("gate[answer_relevancy]", []),
        ("gate[context_recall]", ["skipped"]),
        ("gate[delivery]", ["error"]),
        ("attack-003", ["failure"]),  # the attack succeeded
        ("attack-006", ["error"]),  # not delivered, so not measured
        ("attack-000", []),
    ],
)
def test_a_verdict_has_its_element(root, name, tags):
    assert red(root.find(f".//testcase[@name='{name}']")) == tags


def test_a_low_score_alone_is_for_the_gates(root, view):
    dropped = next(case.id for case in view.suites[0].cases if case.status == "dropped")
    assert red(root.find(f".//testcase[@name='{dropped}']")) == []


def test_totals_agree_with_what_is_listed(root):
    for suite in root:
        listed = collections.Counter(tag for case in suite.iter("testcase") for tag in red(case))
        totals = {"failure": "failures", "error": "errors", "skipped": "skipped"}
        assert {tag: int(suite.get(name)) for tag, name in totals.items()} == {
            tag: listed[tag] for tag in totals
        }


def test_hostile_texts_give_a_document_with_the_same_elements():
    for start in range(0, len(NASTY), 4):
        texts = [f"{text[:200]}{i}" for i, text in enumerate(NASTY[start : start + 4])]
        document = ET.fromstring(report_junit(report_view([hostile(texts)])))
        assert {element.tag for element in document.iter()} <= {
            "testsuites",
            "testsuite",
            "testcase",
            "system-out",
            "failure",
            "error",
            "skipped",
        }
        assert len(list(document.iter("testcase"))) == 2 * len(texts)


def test_what_was_not_asked_is_no_failure(judged_view):
    root = ET.fromstring(report_junit(judged_view))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    spared = [view for view in judged_view.suites[0].cases if view.cells[1].said.startswith("not")]
    assert len(spared) == 50
    for view in spared:
        case = cases[view.id]
        assert red(case) == []
        assert "→ – (not judged: the gate had decided)" in case.find("system-out").text
    assert "retriever −0.06" in cases["gate[faithfulness]"].find("system-out").text
