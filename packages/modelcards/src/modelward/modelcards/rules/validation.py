"""Validating: the rules of some rulesets over one card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from modelward.core.optional import require
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.finding import SEVERITIES, Finding, Severity, failing
from modelward.modelcards.rules.ruleset import Ruleset, load_ruleset

if TYPE_CHECKING:
    from modelward.core.evidence import Evidence


@dataclass(frozen=True, slots=True, repr=False)
class CardValidation(Sequence[Finding]):
    """What the rules found, by severity and then by line. True when nothing fails.

    It is the sequence of its findings; `fail_on` is the lowest severity that fails.
    """

    findings: tuple[Finding, ...]
    fail_on: Severity = "error"
    name: str = "model card"

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | Sequence[Finding]:
        return self.findings[index]

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        return not self.failures

    def __repr__(self) -> str:
        shown = [str(finding) for finding in self.findings[:20]]
        left = len(self.findings) - len(shown)
        return "\n".join([self.verdict, *shown, *([f"and {left} more"] if left else [])])

    @property
    def verdict(self) -> str:
        """What was found, in one line."""
        counts = Counter(finding.severity for finding in self.findings)
        words = ", ".join(f"{counts[s]} {s}" for s in SEVERITIES if counts[s])
        return f"{self.name}: {words or 'ok'}"

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings at or above `fail_on`."""
        return tuple(f for f in self.findings if failing(f.severity, self.fail_on))

    def to_dict(self) -> dict[str, Any]:
        """Give every finding as plain content."""
        return {
            "name": self.name,
            "valid": bool(self),
            "fail_on": self.fail_on,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def to_json(self) -> str:
        """Give `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_frame(self) -> Any:
        """Give one row per finding. Raises `MissingPackageError` without pandas."""
        pandas = require("pandas", feature="a table of findings", install="pandas")
        return pandas.DataFrame([finding.to_dict() for finding in self.findings])

    def to_evidence(self) -> Evidence:
        """Seal what was found: the number of findings of each severity, and those that fail."""
        from modelward.core.evidence import Evidence, Metric, Subject

        counts = Counter(finding.severity for finding in self.findings)
        return Evidence.create(
            kind="modelcards.validation",
            subject=Subject(name=self.name),
            tool="modelward-modelcards",
            metrics=[Metric.of(s, counts[s], higher_is_better=False) for s in SEVERITIES],
            findings=[str(finding) for finding in self.failures],
        )

    def _repr_html_(self) -> str:
        from modelward.core.pages import Notice, Table, notebook

        rows = [[f.severity, f.rule, f.place, f.message, f.line] for f in self.findings]
        columns = ["severity", "rule", "place", "finding", "line"]
        status = Notice(self.verdict, "good" if self else "bad")
        return notebook(status, *([Table("Findings", columns, rows)] if rows else []))


def validate(
    document: Document,
    rulesets: Sequence[str | Path | Ruleset] = ("default",),
    *,
    fail_on: Severity | None = None,
) -> CardValidation:
    """Hold a card against rulesets; findings come by severity, then by line.

    `rulesets` are names of built-in ones, paths, or what `load_ruleset` gave; of two rules of one
    name the later counts. `fail_on` is the lowest severity that fails (default: as the rulesets say,
    `error` where they say nothing). Raises `ConfigError` for a ruleset that is none, `DataError` for
    a rule that takes too much work on this card.

    >>> from modelward.modelcards.codecs.yaml import parse
    >>> [f.rule for f in validate(parse("model_details: {name: [1]}"))]
    ['schema', 'description']
    """
    loaded = [r if isinstance(r, Ruleset) else load_ruleset(r) for r in rulesets]
    rules = {rule.name: rule for ruleset in loaded for rule in ruleset.rules}
    asked: list[Severity] = [r.fail_on for r in loaded] or ["error"]
    lowest = max(asked, key=SEVERITIES.index) if fail_on is None else fail_on
    return CardValidation(
        tuple(sorted(_found(rules.values(), document), key=_order)), lowest, str(document.source)
    )


def _found(rules: Any, document: Document) -> Iterator[Finding]:
    for rule in rules:
        yield from rule.run(document)


def _order(finding: Finding) -> tuple[int, int, int]:
    return SEVERITIES.index(finding.severity), finding.line, finding.column
