"""What a rule found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from modelward.modelcards.codecs.document import Document, Place, dotted, one_line

Severity = Literal["error", "warning", "info", "hint"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the gravest down; a rule has one of them, `--fail-on` names the lowest that fails."""
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

    def to_dict(self) -> dict[str, Any]:
        """Give the finding as plain content."""
        return asdict(self)


def failing(severity: Severity, fail_on: Severity) -> bool:
    """Tell whether a severity is at or above the one that fails.

    >>> failing("warning", "info"), failing("hint", "error")
    (True, False)
    """
    return SEVERITIES.index(severity) <= SEVERITIES.index(fail_on)
