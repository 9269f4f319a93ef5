"""Rule `schema`: the card has the shape of a card; every violation is told, not just the first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import ValidationError

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.rules.finding import Finding

if TYPE_CHECKING:
    from modelward.modelcards.card import ModelCard

Card = TypeVar("Card", bound="ModelCard")


def schema(document: Document) -> Iterator[Finding]:
    """Hold the content against the JSON Schema of cards."""
    for error in _validator().iter_errors(document.content):
        nearest = best_match([error]) or error  # of the ways to be valid, the nearest miss
        place = tuple(nearest.absolute_path)
        message = nearest.message if len(nearest.message) <= 160 else nearest.message[:157] + "..."
        yield Finding.at(document, place, rule="schema", severity="error", message=message)


@cache
def _validator() -> Draft202012Validator:
    from modelward.modelcards.card import json_schema

    return Draft202012Validator(json_schema())


def card_of(cls: type[Card], document: Document) -> Card:
    """Make a card of a document. Raises `DataError` listing every violation with its line."""
    try:
        return cls.model_validate(document.content)
    except ValidationError as error:
        problems = "\n".join(str(f) for f in schema(document)) or str(error)
        raise DataError(f"expected a model card, got:\n{problems}") from error
