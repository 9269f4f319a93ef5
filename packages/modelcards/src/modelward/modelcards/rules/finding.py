"""What a rule found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modelward.modelcards.codecs.document import Document, Place, dotted, one_line

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a rule found, with the place in the card and in its file."""

    rule: str
    severity: Severity
    place: str
    message: str
    file: str
    line: int
    column: int

    @classmethod
    def at(
        cls, document: Document, place: Place, *, rule: str, severity: Severity, message: str
    ) -> Finding:
        """Make a finding at a place of a document."""
        line, column = document.position(place)
        name = dotted(place)
        if len(name) > _LONGEST:  # a card may make keys of any length, and findings under each
            name = name[: _LONGEST - 3] + "..."
        return cls(rule, severity, name, message, str(document.source), line, column)

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        fact = one_line(f"{self.severity} [{self.rule}] {place}{self.message}")
        return f"{self.file}:{self.line}:{self.column}: {fact}"
