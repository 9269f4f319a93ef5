"""Rule `todo`: what only a person knows has been filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.finding import Finding

_TODO = re.compile(r"\bTODO\b")


def todo(document: Document) -> Iterator[Finding]:
    """Find every text that still says TODO."""
    for place, text in document.texts.items():
        if _TODO.search(text):
            yield Finding.at(
                document, place, rule="todo", severity="warning", message="still to be written"
            )
