"""The summary of the job and the comment on the pull request: the same words, each within its limit."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.modelcards.outputs.report import Report
from modelward.modelcards.render.escaping import cell

MARKER = "<!-- modelward-modelcards -->"
SUMMARY_BYTES = 1 << 20
COMMENT_BYTES = 65_536
_MOST_ROWS = 200
_SIGNS = {"error": "❌", "warning": "⚠️", "info": "ℹ️", "hint": "💡"}


def summary(report: Report, notes: Sequence[str], changes: Sequence[str], limit: int) -> str:
    """Write what was found, what has changed, and notes; cut to a limit in bytes, and say so."""
    failures = len(report.failures)
    verdict = f"❌ {failures} findings fail" if failures else "✅ nothing fails"
    counts = ", ".join(f"{n} {severity}" for severity, n in report.counts().items() if n)
    lines = [MARKER, "## Model cards", "", f"**{verdict}** ({counts or 'no findings'})", ""]
    lines += ["| card | | |", "| --- | --- | --- |"]
    for card in report.cards[:_MOST_ROWS]:
        failing = sum(report.fails(finding) for finding in card.findings)
        sign = "❌" if failing else "✅"
        lines.append(f"| {cell(card.file)} | {sign} {failing} fail | {cell(card.note)} |")
    found = report.findings
    if found:
        lines += ["", "| | where | rule | finding |", "| --- | --- | --- | --- |"]
    for finding in found[:_MOST_ROWS]:
        where = cell(f"{finding.file}:{finding.line}")
        what = cell(f"{finding.place}: {finding.message}" if finding.place else finding.message)
        lines.append(f"| {_SIGNS[finding.severity]} | {where} | {cell(finding.rule)} | {what} |")
    if len(found) > _MOST_ROWS or len(report.cards) > _MOST_ROWS:
        lines += ["", f"Only the first {_MOST_ROWS} are shown here; the SARIF report has all."]
    lines += ["", *(f"- {cell(note)}" for note in notes)] if notes else []
    for change in changes:
        lines += ["", "### What has changed", "", change]
    return _bounded("\n".join(lines) + "\n", limit)


def _bounded(text: str, limit: int) -> str:
    data = text.encode("utf-8")
    if len(data) <= limit:
        return text
    end = "\n\n… cut here, because GitHub takes no more; the SARIF report has all.\n"
    kept = data[: limit - len(end.encode("utf-8"))].decode("utf-8", errors="ignore")
    return kept.rpartition("\n")[0] + end
