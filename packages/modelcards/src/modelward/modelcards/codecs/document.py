"""What was read from a card's file: the content, and where and how each value was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Place = tuple[str | int, ...]
"""A path into a card: keys and list indices from the top."""


@dataclass(frozen=True, slots=True)
class Document:
    """A card's content with positions.

    `positions` gives line and column (from 1) of the value at each place; `texts` the scalar as it
    stands in the file, so that 0.90 stays 0.90 and a date stays as written. `written` is the whole
    file, for saving it again.
    """

    source: Path
    content: dict[str, Any]
    positions: Mapping[Place, tuple[int, int]]
    texts: Mapping[Place, str]
    written: str = ""

    def position(self, place: Place) -> tuple[int, int]:
        """Give line and column (from 1) of a place, or of the nearest one above it."""
        for end in range(len(place), -1, -1):
            if place[:end] in self.positions:
                return self.positions[place[:end]]
        return 1, 1

    def where(self, place: Place) -> str:
        """Write `file:line:column` of a place."""
        line, column = self.position(place)
        return f"{self.source}:{line}:{column}"

    def line(self, place: Place) -> int:
        """Give the line of a place."""
        return self.position(place)[0]

    def text(self, place: Place) -> str:
        """Give a scalar as written."""
        return self.texts.get(place, "")

    def said(self, place: Place, content: Mapping[str, Any], key: str) -> str | None:
        """Give what `content`, the mapping at a place, has under a key, as written; None for null.

        A version 1.10 and a part of the data called 0.50 are names, and not numbers.
        """
        value = content.get(key)
        return None if value is None else self.text((*place, key)) or str(value)


def dotted(place: Place) -> str:
    """Write a place as people do: `quantitative_analysis.performance_metrics[0].value`.

    >>> dotted(("a", "b", 0, "c"))
    'a.b[0].c'
    """
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def one_line(text: str) -> str:
    r"""Write text from a card so that it stays on its line, and commands no terminal or CI.

    >>> one_line("a\n::error::b\x1b[2J")
    'a\\n::error::b\\x1b[2J'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
