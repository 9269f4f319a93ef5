"""SARIF 2.1.0 (OASIS): what GitHub code scanning and editors read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from modelward.core.optional import installed_version
from modelward.modelcards.codecs.document import one_line
from modelward.modelcards.outputs.report import Report, rules_of
from modelward.modelcards.rules.finding import Finding

LIMIT = 5_000
"""GitHub shows so many results of a run; what is cut is said in the run's properties."""
_LEVELS = {"error": "error", "warning": "warning", "info": "note", "hint": "note"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(report: Report) -> str:
    """Write a report as a SARIF log of one run, the gravest findings first."""
    found = report.findings
    names = list(rules_of(report))
    driver = {
        "name": "modelward-modelcards",
        "informationUri": "https://github.com/modelward/modelward",
        "version": installed_version("modelward-modelcards") or "0",
        "rules": [{"id": name, "name": name, "shortDescription": {"text": name}} for name in names],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, names) for finding in found[:LIMIT]],
        "properties": {"findings": len(found), "cut": max(0, len(found) - LIMIT)},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(finding: Finding, names: list[str]) -> dict[str, Any]:
    message = one_line(f"{finding.place}: {finding.message}" if finding.place else finding.message)
    print_of = f"{finding.rule}\0{finding.file}\0{finding.place}\0{finding.message}"
    return {
        "ruleId": finding.rule,
        "ruleIndex": names.index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(PurePath(finding.file).as_posix())},
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                }
            }
        ],
        "partialFingerprints": {"place/v1": hashlib.sha256(print_of.encode()).hexdigest()},
    }
