"""`junit.xml`: gates and cases as CI servers list them.

A gate's test case has the gate's verdict. A case's test case is red only for what is wrong with the
case by itself: it was not measured, or an attack on it succeeded. A low score is for the gates.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET  # noqa: N817  # its usual name; written, never parsed

from evalkit.records import Outcome
from evalkit.report.case_view import CaseView
from evalkit.report.gate_view import GateRow
from evalkit.report.sinks import xml_text
from evalkit.report.view import ReportView, SuiteView

_TAGS: dict[Outcome, str] = {"FAIL": "failure", "ERROR": "error", "INCONCLUSIVE": "skipped"}


def report_junit(view: ReportView) -> bytes:
    """The build as a JUnit document in UTF-8."""
    root = ET.Element("testsuites", name="evalkit")
    for suite in view.suites:
        _suite(root, suite)
    _count(root, list(root.iter("testcase")))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(root: ET.Element, suite: SuiteView) -> None:
    element = ET.SubElement(root, "testsuite", name=xml_text(suite.name))
    for gate in suite.gates:
        _gate(element, suite, gate)
    for case in suite.cases:
        _case(element, suite, case)
    _count(element, list(element))


def _gate(parent: ET.Element, suite: SuiteView, gate: GateRow) -> None:
    test = ET.SubElement(
        parent, "testcase", classname=xml_text(suite.name), name=xml_text(f"gate[{gate.gate}]")
    )
    _judge(test, gate.outcome, gate.reason, kind=gate.outcome)
    checks = [f"{check.outcome} {check.kind}: {check.reason}" for check in gate.checks]
    checks += [found.said for found in gate.attributions]
    ET.SubElement(test, "system-out").text = xml_text("\n".join(checks))


def _case(parent: ET.Element, suite: SuiteView, case: CaseView) -> None:
    test = ET.SubElement(
        parent,
        "testcase",
        classname=xml_text(suite.name),
        name=xml_text(case.id),
        time=f"{case.latency_s:.3f}",
    )
    if case.status == "unmeasured":
        _judge(test, "ERROR", "; ".join(case.problems), kind=case.word)
    elif case.status == "breached":
        technique = case.attack.technique if case.attack is not None else ""
        _judge(test, "FAIL", f"{case.word}: {technique}", kind=case.word)
    scores = [
        f"{cell.metric} {cell.was} → {cell.now}{f' ({cell.said})' if cell.said else ''}"
        for cell in case.cells
    ]
    ET.SubElement(test, "system-out").text = xml_text("\n".join([case.question, *scores]))


def _judge(test: ET.Element, outcome: Outcome, message: str, *, kind: str) -> None:
    if outcome in _TAGS:
        ET.SubElement(test, _TAGS[outcome], type=xml_text(kind), message=xml_text(message))


def _count(element: ET.Element, tests: Iterable[ET.Element]) -> None:
    """The totals that readers expect as attributes."""
    listed = list(tests)
    element.set("tests", str(len(listed)))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        element.set(name, str(sum(test.find(tag) is not None for test in listed)))
    element.set("time", f"{sum(float(test.get('time', 0)) for test in listed):.3f}")
