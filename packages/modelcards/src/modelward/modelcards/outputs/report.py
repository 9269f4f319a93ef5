"""Findings of many cards, and the forms they can be written in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.rules.finding import SEVERITIES, Finding, Severity, failing


@dataclass(frozen=True, slots=True)
class Checked:
    """One card that was looked at, by its file's name, and what was found in it."""

    file: str
    findings: tuple[Finding, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in all cards, and the lowest severity that fails."""

    cards: tuple[Checked, ...]
    fail_on: Severity = "error"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, the gravest first."""
        found = (finding for card in self.cards for finding in card.findings)
        return tuple(sorted(found, key=lambda f: (SEVERITIES.index(f.severity), f.file, f.line)))

    def fails(self, finding: Finding) -> bool:
        """Tell whether a finding is at or above the severity that fails."""
        return failing(finding.severity, self.fail_on)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that fail."""
        return tuple(finding for finding in self.findings if self.fails(finding))

    def counts(self) -> dict[str, int]:
        """Count the findings by severity."""
        found = Counter(finding.severity for finding in self.findings)
        return {severity: found[severity] for severity in SEVERITIES}


def write_report(report: Report, form: str) -> str:
    """Write a report as `human`, `json`, `sarif`, `github` or `junit`. Raises `DataError` for another."""
    if form not in FORMS:
        raise DataError(f"expected a format of {', '.join(FORMS)}, got {form!r}")
    return FORMS[form](report)


def human(report: Report) -> str:
    """Write one line per finding, and one per card without any."""
    lines: list[str] = []
    for card in report.cards:
        lines += [str(finding) for finding in card.findings]
        if card.note or not card.findings:
            lines.append(f"{card.file}: {card.note or 'ok'}")
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """Write everything as one JSON object."""
    content = {
        "valid": not report.failures,
        "fail_on": report.fail_on,
        "counts": report.counts(),
        "cards": [_card(card) for card in report.cards],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _card(card: Checked) -> dict[str, Any]:
    found: Sequence[Mapping[str, Any]] = [finding.to_dict() for finding in card.findings]
    return {"file": card.file, "note": card.note, "findings": found}


def _late(module: str) -> Callable[[Report], str]:
    def write(report: Report) -> str:
        from importlib import import_module

        return str(import_module(f"modelward.modelcards.outputs.{module}").write(report))

    return write


FORMS: Mapping[str, Callable[[Report], str]] = {
    "human": human,
    "json": as_json,
    "sarif": _late("sarif"),
    "github": _late("github"),
    "junit": _late("junit"),
}
"""How a report can be written, by name."""


def rules_of(report: Report) -> Iterator[str]:
    """Name each rule that has found something, once, in order."""
    yield from dict.fromkeys(finding.rule for finding in report.findings)
