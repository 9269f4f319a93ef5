"""Documents that were made, and not read from a card's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelward.modelcards.codecs.document import Document, Place


def document_of(content: dict[str, Any], source: Path) -> Document:
    """Make a document of content: every place is on line 1, every scalar as it would be written."""
    texts: dict[Place, str] = {}
    _note(content, (), texts)
    return Document(source, content, {}, texts)


def _note(value: Any, place: Place, texts: dict[Place, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _note(inner, (*place, key), texts)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            _note(inner, (*place, i), texts)
    else:
        texts[place] = "" if value is None else str(value)
