"""JUnit XML: what Jenkins, GitLab and others show as tests."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from modelward.modelcards.outputs.report import Report
from modelward.modelcards.rules.finding import Finding


def write(report: Report) -> str:
    """Write a report as one suite per card and one case per finding; one that passes where none is."""
    root = Element("testsuites", name="modelward card", failures=str(len(report.failures)))
    total = 0
    for card in report.cards:
        failures = sum(report.fails(finding) for finding in card.findings)
        cases = max(1, len(card.findings))
        total += cases
        suite = SubElement(
            root,
            "testsuite",
            name=_clean(card.file),
            tests=str(cases),
            failures=str(failures),
            errors="0",
        )
        for finding in card.findings:
            _case(suite, finding, report)
        if not card.findings:
            SubElement(suite, "testcase", classname=_clean(card.file), name="card")
    root.set("tests", str(total))
    indent(root)
    return tostring(root, encoding="unicode")


def _case(suite: Element, finding: Finding, report: Report) -> None:
    name = f"{finding.rule} {finding.place}".strip()
    case = SubElement(suite, "testcase", classname=_clean(finding.file), name=_clean(name))
    if report.fails(finding):
        failure = SubElement(
            case, "failure", type=finding.severity, message=_clean(finding.message)
        )
        failure.text = _clean(str(finding))
    else:
        SubElement(case, "system-out").text = _clean(str(finding))


def _clean(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
