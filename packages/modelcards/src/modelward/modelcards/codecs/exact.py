"""Numbers that remember how they were written."""

from __future__ import annotations

import math
from typing import Any

from modelward.modelcards.codecs.document import Document, Place


class Exact(float):
    """A number that remembers how it was written: 0.90 stays 0.90 in what is made of it."""

    text: str

    @classmethod
    def of(cls, text: str) -> Exact | str:
        """Make one of its text. What is too large to be a float stays text."""
        number = cls(text)
        number.text = text
        return number if math.isfinite(number) else text

    def __str__(self) -> str:
        return self.text


def exact_content(document: Document) -> Any:
    """Give a document's content in which no number has lost how it was written."""
    return _exact(document.content, (), document)


def _exact(value: Any, place: Place, document: Document) -> Any:
    if isinstance(value, dict):
        return {key: _exact(inner, (*place, key), document) for key, inner in value.items()}
    if isinstance(value, list):
        return [_exact(inner, (*place, i), document) for i, inner in enumerate(value)]
    if isinstance(value, float) and not isinstance(value, Exact):
        text = document.text(place)
        if text and text != repr(value):
            return Exact.of(text)
    return value
