"""Annotations of GitHub Actions: workflow commands, escaped, within the limits GitHub has."""

from __future__ import annotations

from modelward.modelcards.codecs.document import one_line
from modelward.modelcards.outputs.report import Report
from modelward.modelcards.rules.finding import Finding

PER_KIND = 10
"""GitHub shows at most so many annotations of each kind for a step; what is cut is said."""
_KINDS = {"error": "error", "warning": "warning", "info": "notice", "hint": "notice"}


def write(report: Report) -> str:
    """Write a report as workflow commands, the gravest first, and a last line for those cut."""
    lines: list[str] = []
    shown: dict[str, int] = dict.fromkeys(_KINDS.values(), 0)
    cut: dict[str, int] = dict.fromkeys(_KINDS.values(), 0)
    for finding in report.findings:
        kind = _KINDS[finding.severity]
        if shown[kind] == PER_KIND:
            cut[kind] += 1
            continue
        shown[kind] += 1
        lines.append(_command(kind, finding))
    words = ", ".join(f"{count} more of kind {kind}" for kind, count in cut.items() if count)
    if words:
        lines.append(
            f"Not shown as annotations, because GitHub shows {PER_KIND} of each kind: {words}."
        )
    return "\n".join(lines) or "No findings."


def _command(kind: str, finding: Finding) -> str:
    place = f"{finding.place}: " if finding.place else ""
    properties = (
        f"file={_property(finding.file)},line={finding.line},col={finding.column},"
        f"title={_property(finding.rule)}"
    )
    return f"::{kind} {properties}::{_data(one_line(place + finding.message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")
