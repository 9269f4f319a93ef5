"""Rule `description`: a card says what the model is."""

from __future__ import annotations

from collections.abc import Iterator

from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.finding import Finding

_FIELDS = ("overview", "description", "documentation")


def description(document: Document) -> Iterator[Finding]:
    """Ask for an overview, a description or a documentation."""
    details = document.content.get("model_details")
    if not isinstance(details, dict) or not any(details.get(field) for field in _FIELDS):
        yield Finding.at(
            document,
            ("model_details",),
            rule="description",
            severity="warning",
            message=f"says nowhere what the model is (one of {', '.join(_FIELDS)})",
        )
